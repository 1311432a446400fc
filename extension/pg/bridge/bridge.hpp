// The border between longjmp and exceptions, crossed in two places only.
//
// In:  SQL_FUNCTION(name) defines a SQL-callable function. Its body is C++ and may throw; whatever
// it
//      throws is turned into plain data, the handler is left, and only then ereport is called.
// Out: guard(f) runs server code that may ereport and turns the error into a PgError. `f` holds
//      nothing with a destructor and throws nothing: a longjmp may end it anywhere.
#pragma once

#include "pg/bridge/pg.hpp"

#include <exception>
#include <new>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

namespace pg_principal {

// An error the server raised, on its way through C++ frames; call_sql_function raises it again.
class PgError : public std::exception {
  public:
    explicit PgError(ErrorData *data) noexcept : data_(data) {}
    const char *what() const noexcept override { return "PostgreSQL error"; }
    ErrorData *data() const noexcept { return data_; }

  private:
    ErrorData *data_; // lives in the memory context of the call that was guarded
};

// nullptr, or the error that `run` raised, copied into the current memory context.
ErrorData *run_guarded(void (*run)(void *), void *argument) noexcept;

template <class F>
auto guard(F f) -> decltype(f()) {
    using Result = decltype(f());
    static_assert(std::is_trivially_destructible_v<F>, "a longjmp would skip its destructor");
    if constexpr (std::is_void_v<Result>) {
        ErrorData *error = run_guarded([](void *argument) { (*static_cast<F *>(argument))(); }, &f);
        if (error != nullptr)
            throw PgError(error);
    } else {
        static_assert(std::is_trivially_destructible_v<Result>, "a longjmp would skip it");
        struct Call {
            F f;
            Result result;
        } call{f, Result{}};
        ErrorData *error = run_guarded(
            [](void *argument) {
                auto *c = static_cast<Call *>(argument);
                c->result = c->f();
            },
            &call);
        if (error != nullptr)
            throw PgError(error);
        return call.result;
    }
}

using SqlFunction = Datum (*)(FunctionCallInfo);

// Runs the body and turns whatever it throws into ereport(ERROR) after its frames are gone.
Datum call_sql_function(SqlFunction body, FunctionCallInfo fcinfo);

// For _PG_init: what the library cannot serve without. An exception ends the process, because
// another try would not help it, and a server that starts does not.
void run_or_exit(void (*body)());

// Ends what takes long when a cancel or a timeout waits: throws PgError. A Checkpoint of core/.
// Every SQL function begins with one.
void check_interrupts();

// core/ speaks UTF-8, the server the database's encoding: what is text crosses by the first three,
// what is bytes (bytea, jsonb as it is stored, a token, which is ASCII or none) by the others. All
// live in the current context; PgError when there is no memory left, or a character that the other
// side has not (22P05). In SQL_ASCII, which says nothing of its bytes, they must be UTF-8:
// Error(text_malformed). More than a value can hold is Error(value_too_long).
std::string_view text_argument(FunctionCallInfo fcinfo, int n);
std::optional<std::string_view> optional_text_argument(FunctionCallInfo fcinfo,
                                                       int n); // NULL: none
std::string_view to_utf8(std::string_view server_text);
text *to_text(std::string_view utf8);
// A detoasted copy-free view where the value is not toasted; valid as long as the datum.
std::string_view bytes_argument(FunctionCallInfo fcinfo, int n);
std::string_view bytes_of(Datum value);
text *to_bytes(std::string_view bytes);
std::string_view view_of(const text *value) noexcept;
// A composite result: as many values as the function has OUT columns.
Datum record_result(FunctionCallInfo fcinfo, Datum *values, bool *nulls);

// A C++ object that dies with a memory context.
template <class T>
T *new_in_context(MemoryContext context) {
    struct Holder {
        MemoryContextCallback callback;
        T *object;
    };
    auto *holder = guard([context] {
        return static_cast<Holder *>(MemoryContextAllocZero(context, sizeof(Holder)));
    });
    holder->object = new T();
    holder->callback.func = [](void *object) { delete static_cast<T *>(object); };
    holder->callback.arg = holder->object;
    MemoryContextRegisterResetCallback(context, &holder->callback);
    return holder->object;
}

} // namespace pg_principal

// PGDLLEXPORT is empty on PostgreSQL 15, and everything else here is hidden.
#define PG_PRINCIPAL_EXPORT __attribute__((visibility("default")))

#define SQL_FUNCTION_INFO(name)                                                                    \
    PG_PRINCIPAL_EXPORT const Pg_finfo_record *pg_finfo_pg_principal_##name(void);                 \
    const Pg_finfo_record *pg_finfo_pg_principal_##name(void) {                                    \
        static const Pg_finfo_record info = {1};                                                   \
        return &info;                                                                              \
    }

// Every SQL-callable function: `SQL_FUNCTION(auth_uid) { ... return datum; }`. The body's name in
// the library is pg_principal_<name>.
#define SQL_FUNCTION(name)                                                                         \
    static Datum name##_body(FunctionCallInfo fcinfo);                                             \
    extern "C" {                                                                                   \
    SQL_FUNCTION_INFO(name)                                                                        \
    PG_PRINCIPAL_EXPORT Datum pg_principal_##name(FunctionCallInfo fcinfo);                        \
    Datum pg_principal_##name(FunctionCallInfo fcinfo) {                                           \
        return pg_principal::call_sql_function(name##_body, fcinfo);                               \
    }                                                                                              \
    }                                                                                              \
    static Datum name##_body([[maybe_unused]] FunctionCallInfo fcinfo)
