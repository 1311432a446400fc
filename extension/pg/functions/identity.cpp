// auth.uid() and its siblings.
#include "core/base/error.hpp"
#include "pg/identity/call_site.hpp"
#include "pg/bridge/jsonb.hpp"
#include "pg/bridge/uuid.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
}

#include <cstring>

namespace pg_principal {

namespace {

struct Answer {
    bool isnull;
    std::string_view bytes;
};

enum class Form { uuid, text, jsonb };

template <Form form>
bool equal_values(Datum a, Datum b) noexcept {
    if constexpr (form == Form::uuid)
        return std::memcmp(DatumGetPointer(a), DatumGetPointer(b), UUID_LEN) == 0;
    const Size size = VARSIZE(DatumGetPointer(a));
    return size == VARSIZE(DatumGetPointer(b)) &&
           std::memcmp(DatumGetPointer(a), DatumGetPointer(b), size) == 0;
}

// In the current context; may ereport.
template <Form form>
Datum make_value(std::string_view bytes) {
    if constexpr (form == Form::uuid) {
        auto *uuid = static_cast<pg_uuid_t *>(palloc(UUID_LEN));
        std::memcpy(uuid->data, bytes.data(), UUID_LEN);
        return UUIDPGetDatum(uuid);
    } else if constexpr (form == Form::text) {
        if (GetDatabaseEncoding() == PG_UTF8)
            return PointerGetDatum(
                cstring_to_text_with_len(bytes.data(), static_cast<int>(bytes.size())));
        char *copy = pnstrdup(bytes.data(), bytes.size());
        return PointerGetDatum(
            cstring_to_text(pg_any_to_server(copy, static_cast<int>(bytes.size()), PG_UTF8)));
    } else {
        return make_jsonb(bytes);
    }
}

// The value is kept where the plan keeps its own: a cache that is emptied while the executor still
// holds the datum would leave it dangling.
template <Form form, Answer (*read)(const Identity &)>
Datum answer(FunctionCallInfo fcinfo) {
    CallSite *site = call_site(fcinfo);
    const Identity *identity = current_identity();
    const Answer now = identity == nullptr ? Answer{true, {}} : read(*identity);
    const MemoryContext context = site == nullptr ? CurrentMemoryContext : fcinfo->flinfo->fn_mcxt;
    Datum value = 0;
    if (!now.isnull) {
        const std::string_view bytes = now.bytes;
        const Datum kept = site == nullptr ? 0 : site->value;
        value = guard([context, bytes, kept] {
            const MemoryContext before = MemoryContextSwitchTo(context);
            Datum fresh = make_value<form>(bytes);
            MemoryContextSwitchTo(before);
            if (kept != 0 && equal_values<form>(fresh, kept)) {
                pfree(DatumGetPointer(fresh));
                fresh = kept;
            }
            return fresh;
        });
    }
    fcinfo->isnull = now.isnull;
    if (site == nullptr)
        return value;
    if (value != site->value) {
        if (site->previous != 0)
            pfree(DatumGetPointer(site->previous));
        site->previous = site->value;
        site->value = value;
    }
    site->isnull = now.isnull;
    site->looked();
    return value;
}

Answer read_uid(const Identity &i) { return {!i.has_principal, bytes_of(i.uid)}; }
Answer read_session_id(const Identity &i) { return {!i.has_session, bytes_of(i.session_id)}; }
Answer read_email(const Identity &i) { return {!i.has_principal, i.email}; }
Answer read_kind(const Identity &i) { return {!i.has_principal, i.kind}; }
Answer read_app_role(const Identity &i) { return {!i.has_principal, i.app_role}; }
Answer read_role(const Identity &i) { return {i.role.empty(), i.role}; }
Answer read_jwt(const Identity &i) { return {false, i.payload()}; }

} // namespace

} // namespace pg_principal

using namespace pg_principal;

// Like SQL_FUNCTION, with the way that most rows take in front of it.
#define IDENTITY_FUNCTION(name, form, read)                                                        \
    extern "C" {                                                                                   \
    SQL_FUNCTION_INFO(name)                                                                        \
    PG_PRINCIPAL_EXPORT Datum pg_principal_##name(FunctionCallInfo fcinfo);                        \
    Datum pg_principal_##name(FunctionCallInfo fcinfo) {                                           \
        CallSite *site = existing_call_site(fcinfo);                                               \
        if (likely(site != nullptr && site->fresh())) {                                            \
            fcinfo->isnull = site->isnull;                                                         \
            return site->value;                                                                    \
        }                                                                                          \
        return call_sql_function(answer<form, read>, fcinfo);                                      \
    }                                                                                              \
    }

IDENTITY_FUNCTION(uid, Form::uuid, read_uid)
IDENTITY_FUNCTION(session_id, Form::uuid, read_session_id)
IDENTITY_FUNCTION(email, Form::text, read_email)
IDENTITY_FUNCTION(kind, Form::text, read_kind)
IDENTITY_FUNCTION(app_role, Form::text, read_app_role)
IDENTITY_FUNCTION(role, Form::text, read_role)
IDENTITY_FUNCTION(jwt, Form::jsonb, read_jwt)

namespace {

bool caller_is(FunctionCallInfo fcinfo, std::string_view kind) {
    const Identity *identity = caller(fcinfo);
    return identity != nullptr && identity->has_principal && identity->kind == kind;
}

} // namespace

SQL_FUNCTION(is_service_account) { return BoolGetDatum(caller_is(fcinfo, "service_account")); }

SQL_FUNCTION(is_person) { return BoolGetDatum(caller_is(fcinfo, "person")); }

SQL_FUNCTION(has_role) {
    const Identity *identity = caller(fcinfo);
    if (identity == nullptr || !identity->has_principal || PG_ARGISNULL(0))
        return BoolGetDatum(false);
    const std::string_view app_role = identity->app_role;
    return BoolGetDatum(guard([fcinfo, app_role] {
        Datum *roles;
        bool *nulls;
        int count;
        deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), TEXTOID, -1, false, TYPALIGN_INT, &roles,
                          &nulls, &count);
        for (int i = 0; i < count; ++i)
            if (!nulls[i] && view_of(DatumGetTextPP(roles[i])) == app_role)
                return true;
        return false;
    }));
}

SQL_FUNCTION(has_scope) {
    const Identity *identity = caller(fcinfo);
    if (identity == nullptr || PG_ARGISNULL(0))
        return BoolGetDatum(false);
    const std::string_view wanted = text_argument(fcinfo, 0);
    std::string_view rest = identity->scope;
    while (!rest.empty() && !wanted.empty()) {
        const std::size_t space = rest.find(' ');
        if (rest.substr(0, space) == wanted)
            return BoolGetDatum(true);
        rest.remove_prefix(space == std::string_view::npos ? rest.size() : space + 1);
    }
    return BoolGetDatum(false);
}
