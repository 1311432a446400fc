#include "pg/bridge/bridge.hpp"

#include "core/base/error.hpp"
#include "core/base/utf8.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
}

#include <algorithm>
#include <cstring>

namespace pg_principal {

namespace {

// What is left of an exception once its handler is gone: no destructor, no allocation.
struct CaughtError {
    ErrorData *server_error;
    int sqlstate;
    char message[1024];
    char detail[8192];
    char hint[1024];
};

void copy_text(char *to, std::size_t size, std::string_view from) noexcept {
    std::size_t length = from.size() < size ? from.size() : size - 1;
    // never half a UTF-8 character
    while (length < from.size() && length > 0 &&
           (static_cast<unsigned char>(from[length]) & 0xC0) == 0x80)
        --length;
    std::memcpy(to, from.data(), length);
    to[length] = '\0';
}

int sqlstate_of(std::string_view code) noexcept {
    return MAKE_SQLSTATE(code[0], code[1], code[2], code[3], code[4]);
}

void capture(CaughtError &failure, int sqlstate, std::string_view message, std::string_view detail,
             std::string_view hint) noexcept {
    failure.server_error = nullptr;
    failure.sqlstate = sqlstate;
    copy_text(failure.message, sizeof failure.message, message);
    copy_text(failure.detail, sizeof failure.detail, detail);
    copy_text(failure.hint, sizeof failure.hint, hint);
}

// Texts of core/ are UTF-8. A character that the database's encoding lacks becomes a question mark:
// it must not turn one error into another.
void to_server_encoding(char *text, std::size_t size) {
    const int encoding = GetDatabaseEncoding();
    if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII || !IsTransactionState())
        return;
    const Oid conversion = FindDefaultConversionProc(PG_UTF8, encoding);
    const std::size_t capacity = std::strlen(text) * MAX_CONVERSION_GROWTH + 1;
    char *out = static_cast<char *>(palloc(capacity));
    std::size_t length = 0;
    for (const char *from = text; *from != '\0';) {
        const std::size_t bytes = std::max<std::size_t>(utf8_sequence(from), 1);
        char one[8] = {};
        std::memcpy(one, from, bytes);
        unsigned char converted[8 * MAX_CONVERSION_GROWTH + 1];
        if (bytes == 1 || !OidIsValid(conversion) ||
            pg_do_encoding_conversion_buf(conversion, PG_UTF8, encoding,
                                          reinterpret_cast<unsigned char *>(one),
                                          static_cast<int>(bytes), converted, sizeof converted,
                                          true) != static_cast<int>(bytes))
            std::strcpy(reinterpret_cast<char *>(converted), (one[0] & 0x80) != 0 ? "?" : one);
        const std::size_t added = std::strlen(reinterpret_cast<char *>(converted));
        std::memcpy(out + length, converted, added);
        length += added;
        from += bytes;
    }
    out[length] = '\0';
    strlcpy(text, out, size);
    text[pg_mbcliplen(text, static_cast<int>(std::strlen(text)), static_cast<int>(size) - 1)] =
        '\0';
    pfree(out);
}

[[noreturn]] void raise(CaughtError &failure, int level = ERROR) {
    if (failure.server_error != nullptr)
        ReThrowError(failure.server_error);
    to_server_encoding(failure.message, sizeof failure.message);
    to_server_encoding(failure.detail, sizeof failure.detail);
    to_server_encoding(failure.hint, sizeof failure.hint);
    ereport(level, (errcode(failure.sqlstate), errmsg_internal("%s", failure.message),
                    failure.detail[0] != '\0' ? errdetail_internal("%s", failure.detail) : 0,
                    failure.hint[0] != '\0' ? errhint("%s", failure.hint) : 0,
                    // by this the frontend tells our refusals from those of others' triggers
                    err_generic_string(PG_DIAG_SCHEMA_NAME, "auth")));
    pg_unreachable();
}

// false when the body returned; the frames of the body are gone either way.
template <class Body>
bool fails(Body body, CaughtError &failure) noexcept {
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
    CHECK_FOR_INTERRUPTS(); // a target list of a hundred calls looks for none
    Datum result = 0;
    // static: 10 kB on a deep stack is worth avoiding, and a backend runs one function at a time;
    // it is filled and raised with no other call in between
    static CaughtError failure;
    if (fails([&] { result = body(fcinfo); }, failure))
        raise(failure);
    return result;
}

void run_or_exit(void (*body)()) {
    static CaughtError failure;
    if (fails(body, failure))
        raise(failure, FATAL);
}

void check_interrupts() {
    if (INTERRUPTS_PENDING_CONDITION())
        guard([] { CHECK_FOR_INTERRUPTS(); });
}

text *to_bytes(std::string_view bytes) {
    constexpr std::size_t longest = MaxAllocSize - VARHDRSZ;
    if (bytes.size() > longest)
        throw Error(Errc::value_too_long,
                    {"the result", std::to_string(bytes.size()), std::to_string(longest)});
    return guard(
        [bytes] { return cstring_to_text_with_len(bytes.data(), static_cast<int>(bytes.size())); });
}

std::string_view bytes_argument(FunctionCallInfo fcinfo, int n) {
    return bytes_of(PG_GETARG_DATUM(n));
}

std::string_view bytes_of(Datum value) {
    auto *stored = reinterpret_cast<text *>(DatumGetPointer(value));
    if (!VARATT_IS_COMPRESSED(stored) && !VARATT_IS_EXTERNAL(stored))
        return view_of(stored);
    return view_of(guard([value] { return DatumGetTextPP(value); }));
}

std::string_view view_of(const text *value) noexcept {
    return {VARDATA_ANY(value), static_cast<std::size_t>(VARSIZE_ANY_EXHDR(value))};
}

std::string_view text_argument(FunctionCallInfo fcinfo, int n) {
    return to_utf8(bytes_argument(fcinfo, n));
}

std::optional<std::string_view> optional_text_argument(FunctionCallInfo fcinfo, int n) {
    return PG_ARGISNULL(n) ? std::nullopt : std::optional(text_argument(fcinfo, n));
}

std::string_view to_utf8(std::string_view server_text) {
    if (GetDatabaseEncoding() == PG_UTF8)
        return server_text;
    if (GetDatabaseEncoding() == PG_SQL_ASCII) {
        // not by the server, whose error tells bytes of what may be a password
        if (!is_utf8(server_text))
            throw Error(Errc::text_malformed);
        return server_text;
    }
    return guard([server_text] {
        char *copy = pnstrdup(server_text.data(), server_text.size());
        const char *utf8 = pg_server_to_any(copy, static_cast<int>(server_text.size()), PG_UTF8);
        return std::string_view(utf8);
    });
}

text *to_text(std::string_view utf8) {
    if (GetDatabaseEncoding() == PG_UTF8)
        return to_bytes(utf8);
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
