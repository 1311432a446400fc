// Sessions and principals as they stand: the row, and what was decided beside it while somebody held
// the row.
#include "pg/tables/scan.hpp"
#include "pg/tables/store.hpp"

extern "C" {
#include "catalog/dependency.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "utils/array.h"
#include "utils/snapmgr.h"
}

#include <algorithm>

namespace pg_principal {

namespace {

// A decision on a principal: where what it was made on is still so, that becomes what it says.
struct Decision {
    TimestampTz decided_at;
    pg_uuid_t id;
    bool sets_ban, had_end, has_end;
    TimestampTz banned_before, banned_until;
    int generations;
    char role_before[32], app_role[32], kind_before[32], kind[32]; // empty: as it is
};

struct Decisions {
    Decision *items;
    int count, room;
};

TimestampTz time_of(const Row &row, const char *name, bool *is_there) {
    bool isnull;
    const Datum value = row.get(name, &isnull);
    *is_there = !isnull;
    return isnull ? 0 : DatumGetTimestampTz(value);
}

void add_decision(Decisions &decisions, const Row &row) {
    if (decisions.count == decisions.room) {
        decisions.room = decisions.room == 0 ? 8 : 2 * decisions.room;
        const Size size = static_cast<Size>(decisions.room) * sizeof(Decision);
        decisions.items = static_cast<Decision *>(
            decisions.items == nullptr ? palloc(size) : repalloc(decisions.items, size));
    }
    Decision &decision = decisions.items[decisions.count++];
    decision = {};
    decision.decided_at = DatumGetTimestampTz(row.get("decided_at"));
    decision.id = *DatumGetUUIDP(row.get("id"));
    decision.sets_ban = DatumGetBool(row.get("sets_ban"));
    decision.banned_before = time_of(row, "banned_before", &decision.had_end);
    decision.banned_until = time_of(row, "banned_until", &decision.has_end);
    decision.generations = DatumGetInt32(row.get("generations"));
    row.copy_text_or_empty("role_before", decision.role_before);
    row.copy_text_or_empty("app_role", decision.app_role);
    row.copy_text_or_empty("kind_before", decision.kind_before);
    row.copy_text_or_empty("kind", decision.kind);
}

bool is_earlier(const Decision &a, const Decision &b) noexcept {
    return a.decided_at != b.decided_at ? a.decided_at < b.decided_at
                                        : std::memcmp(&a.id, &b.id, sizeof a.id) < 0;
}

template <std::size_t Size>
void replace(char (&value)[Size], const char *before, const char *becomes) noexcept {
    if (*becomes != '\0' && std::strcmp(value, before) == 0)
        std::memcpy(value, becomes, std::strlen(becomes) + 1);
}

int rank_of(const char *role) noexcept {
    int rank = 0;
    for (const char *name : {"READ_ONLY", "ANALYST", "AUDITOR"}) {
        if (std::strcmp(role, name) == 0)
            break;
        ++rank;
    }
    return rank;
}

// As auth.with_decision().
void apply(const Decision &decision, PrincipalRow &principal) noexcept {
    if (decision.sets_ban) {
        const bool as_it_was =
            principal.has_end == decision.had_end &&
            (!principal.has_end || principal.banned_until == decision.banned_before);
        if (as_it_was || (decision.has_end &&
                          (!principal.has_end || principal.banned_until < decision.banned_until))) {
            principal.has_end = decision.has_end;
            principal.banned_until = decision.banned_until;
        }
    }
    replace(principal.app_role, decision.role_before, decision.app_role);
    if (*decision.app_role != '\0' && rank_of(decision.app_role) < rank_of(principal.app_role))
        replace(principal.app_role, principal.app_role, decision.app_role);
    replace(principal.kind, decision.kind_before, decision.kind);
    principal.generation += decision.generations;
}

PrincipalRow principal_where(const char *key_column, RegProcedure equals, Datum key,
                             TimestampTz now, Snapshot snapshot) {
    PrincipalRow result{};
    scan(
        "users", key_column, equals, key,
        [&result](const Row &row) {
            result.found = true;
            result.id = *DatumGetUUIDP(row.get("id"));
            result.banned_until = time_of(row, "banned_until", &result.has_end);
            result.generation = DatumGetInt32(row.get("session_generation"));
            row.copy_text("email", result.email);
            row.copy_text("kind", result.kind);
            row.copy_text("app_role", result.app_role);
        },
        Rows::many, snapshot);
    if (!result.found)
        return result;
    Decisions decisions{};
    scan_if_there(
        "decisions", "user_id", &result.id,
        [&decisions](const Row &row) { add_decision(decisions, row); }, Rows::few, snapshot);
    if (decisions.count > 0) {
        std::sort(decisions.items, decisions.items + decisions.count, is_earlier);
        for (int i = 0; i < decisions.count; ++i)
            apply(decisions.items[i], result);
        pfree(decisions.items);
    }
    result.banned = result.has_end && result.banned_until > now;
    return result;
}

struct Values {
    Datum *items;
    int count;
};

// An array without NULLs; none where the column is NULL, or where there is no such column yet.
Values values_of(const Row &row, const char *name, Oid type, int length, bool by_value,
                 char alignment) {
    Values values{};
    if (column_if_there(row.relation, name) == InvalidAttrNumber || row.is_null(name))
        return values;
    deconstruct_array(DatumGetArrayTypeP(row.get(name)), type, length, by_value, alignment,
                      &values.items, nullptr, &values.count);
    return values;
}

void read_ties(const Row &row, SessionRow &session) {
    const auto uuids = [&row](const char *name) {
        return values_of(row, name, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR);
    };
    const Values agents = uuids("agents"), parents = uuids("parents"), grants = uuids("grants");
    // of a delegated token it is the grant once more
    const bool has_credential =
        agents.count == 0 && session.has_user &&
        column_if_there(row.relation, "credential_id") != InvalidAttrNumber &&
        !row.is_null("credential_id");
    const int count = agents.count + parents.count + grants.count + (has_credential ? 1 : 0);
    if (count == 0)
        return;
    const Values generations =
        values_of(row, "agent_generations", INT4OID, sizeof(int32), true, TYPALIGN_INT);
    session.ties = static_cast<Tie *>(palloc0(static_cast<Size>(count) * sizeof(Tie)));
    const auto add = [&session](Tie::What what, const Values &ids) {
        for (int i = 0; i < ids.count; ++i)
            session.ties[session.tie_count++] = {what, *DatumGetUUIDP(ids.items[i]), 0, {}};
    };
    add(Tie::agent, agents);
    for (int i = 0; i < agents.count; ++i) // a generation that is missing is none that a row has
        session.ties[i].generation =
            i < generations.count ? DatumGetInt32(generations.items[i]) : -1;
    add(Tie::session, parents);
    add(Tie::grant, grants);
    if (has_credential)
        session.ties[session.tie_count++] = {
            Tie::credential, *DatumGetUUIDP(row.get("credential_id")), 0, session.user_id};
}

} // namespace

Moment::Moment(Seen seen)
    : snapshot_(guard([] { return RegisterSnapshot(GetCatalogSnapshot(InvalidOid)); })) {
    if (seen == Seen::by_others)
        snapshot_->curcid = FirstCommandId; // it is a copy of our own
}

// After an error it is gone with its transaction, which forgets it by itself.
Moment::~Moment() { UnregisterSnapshot(snapshot_); }

SessionRow read_session(const pg_uuid_t &id, const Moment &moment) {
    const pg_uuid_t *key = &id;
    const Snapshot snapshot = moment.snapshot();
    return guard([key, snapshot] {
        SessionRow result{};
        scan(
            "sessions", "id", F_UUID_EQ, UUIDPGetDatum(key),
            [&result](const Row &row) {
                result.found = true;
                result.revoked = !row.is_null("revoked_at");
                bool isnull;
                const Datum user_id = row.get("user_id", &isnull);
                result.has_user = !isnull;
                if (!isnull)
                    result.user_id = *DatumGetUUIDP(user_id);
                result.generation = DatumGetInt32(row.get("generation"));
                result.expires_at = DatumGetTimestampTz(row.get("expires_at"));
                row.copy_text("role", result.role);
                char origin[16];
                row.copy_text("origin", origin);
                result.adopted = std::strcmp(origin, "adopted") == 0;
                if (column_if_there(row.relation, "kid") != InvalidAttrNumber)
                    row.copy_text_or_empty("kid", result.kid);
                read_ties(row, result);
            },
            Rows::many, snapshot);
        if (result.found && !result.revoked)
            scan_if_there(
                "ended_sessions", "session_id", key,
                [&result](const Row &) { result.revoked = true; }, Rows::few, snapshot);
        return result;
    });
}

PrincipalRow read_principal(const pg_uuid_t &id, TimestampTz now, const Moment &moment) {
    const pg_uuid_t *key = &id;
    const Snapshot snapshot = moment.snapshot();
    return guard([key, now, snapshot] {
        return principal_where("id", F_UUID_EQ, UUIDPGetDatum(key), now, snapshot);
    });
}

PrincipalRow read_principal(std::string_view email, TimestampTz now, const Moment &moment) {
    text *key = to_bytes(email);
    const Snapshot snapshot = moment.snapshot();
    return guard([key, now, snapshot] {
        const PrincipalRow row =
            principal_where("email", F_TEXTEQ, PointerGetDatum(key), now, snapshot);
        pfree(key);
        return row;
    });
}

bool has_decisions(const pg_uuid_t &user_id) {
    const pg_uuid_t *key = &user_id;
    return guard([key] {
        bool found = false;
        scan_if_there(
            "decisions", "user_id", key, [&found](const Row &) { found = true; }, Rows::few,
            GetActiveSnapshot());
        return found;
    });
}

bool has_application_triggers(std::string_view table) {
    char name[NAMEDATALEN] = {};
    table.copy(name, sizeof name - 1);
    const char *const wanted = name;
    return guard([wanted] {
        const Oid schema = get_namespace_oid("auth", false);
        const Oid extension = get_extension_oid("pg_principal", false);
        const Relation relation = table_open(existing_relation(wanted), AccessShareLock);
        bool found = relation->rd_rules != nullptr;
        const TriggerDesc *const all = relation->trigdesc;
        for (int i = 0; all != nullptr && i < all->numtriggers && !found; ++i) {
            const Trigger &trigger = all->triggers[i];
            const char silent = SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA
                                    ? TRIGGER_FIRES_ON_ORIGIN
                                    : TRIGGER_FIRES_ON_REPLICA;
            found = TRIGGER_FOR_UPDATE(trigger.tgtype) && !trigger.tgisinternal &&
                    trigger.tgenabled != TRIGGER_DISABLED && trigger.tgenabled != silent &&
                    (get_func_namespace(trigger.tgfoid) != schema ||
                     getExtensionOfObject(ProcedureRelationId, trigger.tgfoid) != extension);
        }
        table_close(relation, NoLock);
        return found;
    });
}

Lasting read_grant(const pg_uuid_t &id, const Moment &moment) {
    const pg_uuid_t *key = &id;
    const Snapshot snapshot = moment.snapshot();
    return guard([key, snapshot] {
        Lasting grant{false, DT_NOEND};
        scan_if_there(
            "delegations", "id", key,
            [&grant](const Row &row) {
                grant = {true, DatumGetTimestampTz(row.get("expires_at"))};
            },
            Rows::many, snapshot);
        scan_if_there(
            "public_clients", "id", key, [&grant](const Row &) { grant.found = true; }, Rows::many,
            snapshot);
        if (grant.found)
            scan_if_there(
                "ended_grants", "grant_id", key, [&grant](const Row &) { grant.found = false; },
                Rows::few, snapshot);
        return grant;
    });
}

Lasting read_credential(const pg_uuid_t &id, const pg_uuid_t &owner, const Moment &moment) {
    const pg_uuid_t *key = &id, *user = &owner;
    const Snapshot snapshot = moment.snapshot();
    return guard([key, user, snapshot] {
        Lasting credential{false, DT_NOEND};
        scan_if_there(
            "client_secrets", "id", key,
            [&credential](const Row &row) {
                credential = {true, DatumGetTimestampTz(row.get("expires_at"))};
            },
            Rows::many, snapshot);
        const auto look = [&credential, key, snapshot](const char *table, const char *column,
                                                       const pg_uuid_t *value) {
            if (!credential.found)
                scan_if_there(
                    table, column, value,
                    [&credential, key](const Row &row) {
                        const pg_uuid_t *there = DatumGetUUIDP(row.get("id"));
                        credential.found =
                            credential.found || std::memcmp(there, key, sizeof *key) == 0;
                    },
                    Rows::many, snapshot);
        };
        look("client_keys", "user_id", user); // what their index begins with
        look("issuer_rules", "id", key);
        return credential;
    });
}

} // namespace pg_principal
