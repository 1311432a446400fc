// The audit's hashes, what it tells of the request, and its lines in the server log.
#include "core/principals/audit_chain.hpp"
#include "core/base/error.hpp"
#include "core/jose/jwt.hpp"
#include "core/base/utf8.hpp"
#include "pg/identity/identity.hpp"
#include "pg/bridge/jsonb.hpp"
#include "pg/keys/keyring.hpp"
#include "pg/settings.hpp"
#include "pg/tables/audit_chains.hpp"
#include "pg/bridge/time.hpp"
#include "pg/bridge/uuid.hpp"

extern "C" {
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
}

#include <arpa/inet.h>

using namespace pg_principal;

namespace {

Uuid uuid_argument(FunctionCallInfo fcinfo, int n) { return uuid_from(PG_GETARG_UUID_P(n)->data); }

bool is_ip_address(const std::string &text) {
    unsigned char address[sizeof(in6_addr)];
    return inet_pton(AF_INET, text.c_str(), address) == 1 ||
           inet_pton(AF_INET6, text.c_str(), address) == 1;
}

constexpr std::size_t max_user_agent_bytes = 512;

// Cut at a character's border and without what could write lines of its own, or what the database's
// encoding may not have.
std::string shown_user_agent(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const std::size_t size = utf8_sequence(text);
        if (size == 0 || out.size() + size > max_user_agent_bytes)
            break;
        if (size > 1 ? GetDatabaseEncoding() == PG_UTF8 : text[0] >= ' ' && text[0] != 0x7f)
            out += text.substr(0, size);
        text.remove_prefix(size);
    }
    return out;
}

// PL/pgSQL names a function as quote_all_identifiers was when it compiled it.
bool is_context_of_ours(std::string_view context) {
    for (const std::string_view ours : {"PL/pgSQL function auth.", "PL/pgSQL function \"auth\"."})
        if (context.substr(0, ours.size()) == ours)
            return true;
    return false;
}

// ip, user_agent
void read_request(Datum *values, bool *nulls) {
    nulls[0] = nulls[1] = true;
    json::Document context;
    const std::string_view text = settings::request_context();
    if (text.empty() || !json::try_parse(context, to_utf8(text)))
        return;
    const json::Value ip = context.root().find("ip");
    const json::Value agent = context.root().find("userAgent");
    if (ip.is_string() && is_ip_address(std::string(ip.as_string()))) {
        values[0] = PointerGetDatum(to_text(ip.as_string()));
        nulls[0] = false;
    }
    if (agent.is_string() && !agent.as_string().empty()) {
        values[1] = PointerGetDatum(to_text(shown_user_agent(agent.as_string())));
        nulls[1] = false;
    }
}

} // namespace

// Told by what an error here would have as its context: each part by itself, so that nobody's
// statement or name can pass for it.
SQL_FUNCTION(is_own_statement) {
    return guard([] {
        ErrorContextCallback *const all = error_context_stack;
        const bool translates = std::strcmp(GetConfigOption("lc_messages", false, false), "C") != 0;
        const int level = translates ? NewGUCNestLevel() : 0;
        if (translates)
            (void)set_config_option("lc_messages", "C", PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE,
                                    true, 0, false);
        bool is_own = false;
        for (auto *part = all; part != nullptr && !is_own; part = part->previous) {
            ErrorContextCallback alone = *part;
            alone.previous = nullptr;
            error_context_stack = &alone;
            const char *context = GetErrorContextStack();
            is_own = context != nullptr && is_context_of_ours(context);
        }
        error_context_stack = all;
        if (translates)
            AtEOXact_GUC(true, level);
        return BoolGetDatum(is_own);
    });
}

SQL_FUNCTION(audit_genesis) {
    return PointerGetDatum(to_bytes(chain_genesis(uuid_argument(fcinfo, 0))));
}

SQL_FUNCTION(audit_hash) {
    AuditEntry entry;
    if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(6) ||
        PG_ARGISNULL(11))
        PG_RETURN_NULL();
    entry.principal_id = uuid_argument(fcinfo, 0);
    entry.sequence = PG_GETARG_INT64(1);
    entry.created_at_us = unix_microseconds(PG_GETARG_TIMESTAMPTZ(2));
    if (!PG_ARGISNULL(3))
        entry.actor_id = uuid_argument(fcinfo, 3);
    entry.actor_email = optional_text_argument(fcinfo, 4);
    entry.subject = optional_text_argument(fcinfo, 5);
    entry.changes = jsonb_argument(fcinfo, 6);
    entry.reason = optional_text_argument(fcinfo, 7);
    if (!PG_ARGISNULL(8))
        entry.metadata = jsonb_argument(fcinfo, 8);
    entry.ip = optional_text_argument(fcinfo, 9);
    entry.user_agent = optional_text_argument(fcinfo, 10);
    return PointerGetDatum(to_bytes(audit_entry_hash(entry, bytes_argument(fcinfo, 11))));
}

// actor_id, actor_email, user_id, subject, changes, reason, metadata
SQL_FUNCTION(append_at_once) {
    if (PG_ARGISNULL(2) || PG_ARGISNULL(4))
        PG_RETURN_NULL(); // whose, and what
    const MemoryContext outside = CurrentMemoryContext;
    const MemoryContext here = guard([] {
        return AllocSetContextCreate(CurrentMemoryContext, "audit entry", ALLOCSET_DEFAULT_SIZES);
    });
    MemoryContextSwitchTo(here);
    const auto value = [fcinfo](int n) {
        return PG_ARGISNULL(n) ? Datum(0) : guard([fcinfo, n] {
            return PointerGetDatum(PG_DETOAST_DATUM(PG_GETARG_DATUM(n)));
        });
    };
    const auto text_or_null = [&value](int n) { return reinterpret_cast<const text *>(value(n)); };
    Author author{{PG_GETARG_DATUM(0), value(1), value(6)},
                  {PG_ARGISNULL(0), PG_ARGISNULL(1), PG_ARGISNULL(6)}};
    read_request(author.values + 3, author.nulls + 3);
    AuditChains *chains = AuditChains::open(author);
    const std::int64_t number = chains->append({PG_GETARG_UUID_P(2), text_or_null(3), value(4),
                                                jsonb_argument(fcinfo, 4), text_or_null(5)});
    chains->close();
    MemoryContextSwitchTo(outside);
    MemoryContextDelete(here);
    if (number == 0)
        PG_RETURN_NULL();
    return Int64GetDatum(number);
}

// The transition function of an aggregate: the state is NULL at first.
SQL_FUNCTION(fold_chain_head) {
    if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3))
        throw Error(Errc::argument_null, {"a chain head"});
    const std::string_view state = PG_ARGISNULL(0) ? std::string_view() : bytes_argument(fcinfo, 0);
    return PointerGetDatum(to_bytes(fold_chain_head(
        state, uuid_argument(fcinfo, 1), PG_GETARG_INT64(2), bytes_argument(fcinfo, 3))));
}

SQL_FUNCTION(seal_digest) {
    const auto bytes = [fcinfo](int n) {
        return PG_ARGISNULL(n) ? std::string_view() : bytes_argument(fcinfo, n);
    };
    return PointerGetDatum(
        to_bytes(seal_digest(bytes(0), bytes(1), PG_ARGISNULL(2) ? 0 : PG_GETARG_INT64(2))));
}

// The claims of a seal, or NULL when no key of ours that still verifies has signed it. A seal is no
// token: it names no session, hence proves no identity.
SQL_FUNCTION(read_seal) {
    const std::string_view seal = text_argument(fcinfo, 0);
    CompactJws jws;
    if (jws.parse(seal) != TokenFault::none)
        PG_RETURN_NULL();
    accept_revocations();
    const VerificationKey found = verification_key(jws.kid.value_or(std::string_view()));
    if (found.key == nullptr || verify(jws, *found.key) != TokenFault::none)
        PG_RETURN_NULL();
    json::Document claims;
    if (!json::try_parse(claims, jws.payload) || !claims.root().is_object())
        PG_RETURN_NULL();
    return to_jsonb(jws.payload);
}

SQL_FUNCTION(set_request_context) {
    const Datum context = PG_GETARG_DATUM(0);
    const bool is_object = is_jsonb_object(fcinfo, 0);
    const char *shown = guard([context, is_object] {
        return is_object ? DatumGetCString(DirectFunctionCall1(jsonb_out, context))
                         : TextDatumGetCString(DirectFunctionCall1(jsonb_typeof, context));
    });
    if (is_object)
        settings::bind_request_context(shown);
    else if (std::strcmp(shown, "null") != 0)
        throw Error(Errc::context_malformed, {shown});
    PG_RETURN_VOID();
}

SQL_FUNCTION(request_context) {
    Datum values[2] = {};
    bool nulls[2];
    read_request(values, nulls);
    return record_result(fcinfo, values, nulls);
}

// id, email of the caller, or project_key, its session, where a live token is bound, and the agent
// that acts on the caller's behalf. A dead one names nobody; it is refused where it is used, not
// where something is written down.
SQL_FUNCTION(audit_actor) {
    Datum values[4] = {};
    bool nulls[4] = {true, true, true, true};
    const Identity *caller = nullptr;
    try {
        caller = bound_identity();
    } catch (const Error &error) {
        if (error.code() == Errc::crypto_failed)
            throw; // that says nothing of the token, and the audit must not name nobody for it
    }
    if (caller != nullptr && caller->has_principal) {
        values[0] = uuid_datum(caller->uid.data);
        values[1] = PointerGetDatum(to_text(caller->email));
        nulls[0] = nulls[1] = false;
        if (const auto agent = parse_uuid(caller->actor)) {
            values[3] = uuid_datum(agent->data);
            nulls[3] = false;
        }
    } else if (caller != nullptr && caller->has_session) {
        values[2] = uuid_datum(caller->session_id.data);
        nulls[2] = false;
    }
    return record_result(fcinfo, values, nulls);
}

// One line in the server log and nowhere else; the statement, which may hold a secret, stays out.
SQL_FUNCTION(log_event) {
    const text *line = to_text(jsonb_argument(fcinfo, 0));
    guard([line] {
        ereport(LOG_SERVER_ONLY, (errmsg_internal("%s", text_to_cstring(line)), errhidestmt(true),
                                  errhidecontext(true)));
    });
    PG_RETURN_VOID();
}
