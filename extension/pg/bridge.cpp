#include "pg/bridge.hpp"

#include "core/error.hpp"

extern "C" {
#include "access/htup_details.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
}

#include <cstring>

namespace pg_principal {

namespace {

// What is left of an exception once its handler is gone: no destructor, no allocation.
struct Failure {
    ErrorData *server_error;
    int sqlstate;
    char message[1024];
    char detail[8192];
    char hint[1024];
};

// Texts of core/ are UTF-8. Converting them could itself fail, so elsewhere only ASCII is shown.
void keep_ascii(char *text) noexcept {
    for (; *text != '\0'; ++text)
        if ((static_cast<unsigned char>(*text) & 0x80) != 0)
            *text = '?';
}

void copy_text(char *to, std::size_t size, std::string_view from) noexcept {
    std::size_t length = from.size() < size ? from.size() : size - 1;
    // never half a UTF-8 character
    while (length < from.size() && length > 0 &&
           (static_cast<unsigned char>(from[length]) & 0xC0) == 0x80)
        --length;
    std::memcpy(to, from.data(), length);
    to[length] = '\0';
    if (GetDatabaseEncoding() != PG_UTF8)
        keep_ascii(to);
}

int sqlstate_of(std::string_view code) noexcept {
    return MAKE_SQLSTATE(code[0], code[1], code[2], code[3], code[4]);
}

void capture(Failure &failure, int sqlstate, std::string_view message, std::string_view detail,
             std::string_view hint) noexcept {
    failure.server_error = nullptr;
    failure.sqlstate = sqlstate;
    copy_text(failure.message, sizeof failure.message, message);
    copy_text(failure.detail, sizeof failure.detail, detail);
    copy_text(failure.hint, sizeof failure.hint, hint);
}

[[noreturn]] void raise(Failure &failure, int level = ERROR) {
    if (failure.server_error != nullptr)
        ReThrowError(failure.server_error);
    ereport(level, (errcode(failure.sqlstate), errmsg_internal("%s", failure.message),
                    failure.detail[0] != '\0' ? errdetail_internal("%s", failure.detail) : 0,
                    failure.hint[0] != '\0' ? errhint("%s", failure.hint) : 0));
    pg_unreachable();
}

// false when the body returned; the frames of the body are gone either way.
template <class Body>
bool fails(Body body, Failure &failure) noexcept {
    try {
        body();
        return false;
    } catch (const PgError &error) {
        failure.server_error = error.data();
    } catch (const Error &error) {
        capture(failure, sqlstate_of(error.kind().sqlstate), error.message(), error.detail(),
                error.hint());
    } catch (const std::bad_alloc &) {
        capture(failure, ERRCODE_OUT_OF_MEMORY, "out of memory", {}, {});
    } catch (const std::exception &error) {
        capture(failure, ERRCODE_INTERNAL_ERROR, error.what(), {}, {});
    } catch (...) {
        capture(failure, ERRCODE_INTERNAL_ERROR, "unknown C++ exception", {}, {});
    }
    return true;
}

} // namespace

ErrorData *run_guarded(void (*run)(void *), void *argument) noexcept {
    const MemoryContext caller = CurrentMemoryContext;
    ErrorData *volatile error = nullptr;
    PG_TRY();
    { run(argument); }
    PG_CATCH();
    {
        MemoryContextSwitchTo(caller);
        error = CopyErrorData();
        FlushErrorState();
    }
    PG_END_TRY();
    return error;
}

Datum call_sql_function(SqlFunction body, FunctionCallInfo fcinfo) {
    Datum result = 0;
    // static: 10 kB on a deep stack is worth avoiding, and a backend runs one function at a time;
    // it is filled and raised with no other call in between
    static Failure failure;
    if (fails([&] { result = body(fcinfo); }, failure))
        raise(failure);
    return result;
}

void run_or_exit(void (*body)()) {
    static Failure failure;
    if (fails(body, failure))
        raise(failure, FATAL);
}

text *to_text(std::string_view bytes) {
    return guard(
        [bytes] { return cstring_to_text_with_len(bytes.data(), static_cast<int>(bytes.size())); });
}

std::string_view text_argument(FunctionCallInfo fcinfo, int n) {
    auto *stored = reinterpret_cast<text *>(DatumGetPointer(PG_GETARG_DATUM(n)));
    if (!VARATT_IS_COMPRESSED(stored) && !VARATT_IS_EXTERNAL(stored))
        return view_of(stored);
    return view_of(guard([fcinfo, n] { return PG_GETARG_TEXT_PP(n); }));
}

std::string_view view_of(const text *value) noexcept {
    return {VARDATA_ANY(value), static_cast<std::size_t>(VARSIZE_ANY_EXHDR(value))};
}

std::string_view to_utf8(std::string_view server_text) {
    if (GetDatabaseEncoding() == PG_UTF8)
        return server_text;
    return guard([server_text] {
        char *copy = pnstrdup(server_text.data(), server_text.size());
        const char *utf8 = pg_server_to_any(copy, static_cast<int>(server_text.size()), PG_UTF8);
        return std::string_view(utf8);
    });
}

text *to_server_text(std::string_view utf8) {
    if (GetDatabaseEncoding() == PG_UTF8)
        return to_text(utf8);
    return guard([utf8] {
        char *copy = pnstrdup(utf8.data(), utf8.size());
        return cstring_to_text(pg_any_to_server(copy, static_cast<int>(utf8.size()), PG_UTF8));
    });
}

Datum record_result(FunctionCallInfo fcinfo, Datum *values, bool *nulls) {
    return guard([fcinfo, values, nulls] {
        TupleDesc desc;
        if (get_call_result_type(fcinfo, nullptr, &desc) != TYPEFUNC_COMPOSITE)
            elog(ERROR, "the result is not a record");
        return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
    });
}

} // namespace pg_principal
