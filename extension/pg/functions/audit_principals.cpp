// Changes of principals, told by the audit, a statement's all at once.
#include "core/base/error.hpp"
#include "pg/bridge/jsonb.hpp"
#include "pg/tables/audit_chains.hpp"
#include "pg/tables/principal_changes.hpp"
#include "pg/tables/scan.hpp"

extern "C" {
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"
#include "utils/typcache.h"
}

using namespace pg_principal;

namespace {

// Of as few as these each is audited by itself.
constexpr int64 few = 10;

// Deformed by the server; what is a composite argument.
struct Principal {
    PrincipalColumns columns;
    PrincipalValues row;
};

Principal principal_argument(FunctionCallInfo fcinfo, int n) {
    TupleDesc desc = guard([fcinfo, n] {
        const HeapTupleHeader row = PG_GETARG_HEAPTUPLEHEADER(n);
        TupleDesc type = lookup_rowtype_tupdesc_copy(HeapTupleHeaderGetTypeId(row),
                                                     HeapTupleHeaderGetTypMod(row));
        return type;
    });
    const PrincipalColumns columns = principal_columns(desc);
    const PrincipalValues row = guard([fcinfo, n, desc] {
        const HeapTupleHeader header = PG_GETARG_HEAPTUPLEHEADER(n);
        HeapTupleData tuple{};
        tuple.t_len = HeapTupleHeaderGetDatumLength(header);
        tuple.t_data = header;
        auto *values = static_cast<Datum *>(palloc(sizeof(Datum) * desc->natts));
        auto *nulls = static_cast<bool *>(palloc(sizeof(bool) * desc->natts));
        heap_deform_tuple(&tuple, desc, values, nulls);
        return PrincipalValues{values, nulls};
    });
    return {columns, row};
}

// The rows of a statement as they were and as they are: both lists are in one order.
class Pairs {
  public:
    explicit Pairs(const TriggerData &data)
        : stores_{data.tg_oldtable, data.tg_newtable},
          columns(principal_columns(RelationGetDescr(data.tg_relation))) {
        const TupleDesc desc = RelationGetDescr(data.tg_relation);
        guard([this, desc] {
            for (int i = 0; i < 2; ++i) {
                pointers_[i] = tuplestore_alloc_read_pointer(stores_[i], EXEC_FLAG_REWIND);
                tuplestore_select_read_pointer(stores_[i], pointers_[i]);
                tuplestore_rescan(stores_[i]);
                slots_[i] = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
            }
        });
    }
    bool next() {
        return guard([this] {
            for (int i = 0; i < 2; ++i) {
                tuplestore_select_read_pointer(stores_[i], pointers_[i]);
                if (!tuplestore_gettupleslot(stores_[i], true, false, slots_[i]))
                    return false;
                slot_getallattrs(slots_[i]);
            }
            return true;
        });
    }
    void close() {
        guard([this] {
            for (TupleTableSlot *slot : slots_)
                ExecDropSingleTupleTableSlot(slot);
        });
    }
    PrincipalValues was() const { return {slots_[0]->tts_values, slots_[0]->tts_isnull}; }
    PrincipalValues becomes() const { return {slots_[1]->tts_values, slots_[1]->tts_isnull}; }

  private:
    Tuplestorestate *stores_[2];
    int pointers_[2];
    TupleTableSlot *slots_[2];

  public:
    const PrincipalColumns columns;
};

bool has_row(const text *email) {
    return guard([email] {
        bool found = false;
        PushActiveSnapshot(GetTransactionSnapshot());
        scan(
            "organization_people", "email", F_TEXTEQ, PointerGetDatum(email),
            [&found](const Row &) { found = true; }, Rows::many, GetActiveSnapshot());
        PopActiveSnapshot();
        return found;
    });
}

void audit_alone(const ChainEntry &entry) {
    guard([&entry] {
        static SPIPlanPtr plan = nullptr;
        if (SPI_connect() != SPI_OK_CONNECT)
            elog(ERROR, "SPI_connect failed");
        if (plan == nullptr) {
            Oid types[] = {UUIDOID, TEXTOID, JSONBOID, TEXTOID};
            // what is being settled was told when it was decided
            SPIPlanPtr made =
                SPI_prepare("SELECT auth.audit($1, $2, $3, $4) WHERE NOT EXISTS"
                            " (SELECT FROM auth.decisions d WHERE d.user_id = $1 AND d.settling)",
                            4, types);
            if (made == nullptr || SPI_keepplan(made) != 0)
                elog(ERROR, "SPI_prepare failed");
            plan = made;
        }
        Datum values[] = {UUIDPGetDatum(entry.principal), PointerGetDatum(entry.subject),
                          entry.changes, PointerGetDatum(entry.reason)};
        const char nulls[] = {' ', ' ', ' ', entry.reason == nullptr ? 'n' : ' '};
        if (SPI_execute_plan(plan, values, nulls, false, 0) != SPI_OK_SELECT)
            elog(ERROR, "auth.audit() failed");
        SPI_finish();
    });
}

const text *text_of(PrincipalValues row, int at) {
    if (row.nulls[at])
        return nullptr;
    const Datum value = row.values[at];
    return guard([value] { return DatumGetTextPP(value); });
}

void audit_pairs(const TriggerData &data) {
    using Name = PrincipalColumns::Name;
    const bool alone = tuplestore_tuple_count(data.tg_newtable) <= few;
    Pairs pairs(data);
    const PrincipalColumns &columns = pairs.columns;
    AuditChains *chains = nullptr;
    const MemoryContext outside = CurrentMemoryContext;
    const MemoryContext each = guard(
        [outside] { return AllocSetContextCreate(outside, "audited", ALLOCSET_DEFAULT_SIZES); });
    while (pairs.next()) {
        const PrincipalValues was = pairs.was(), becomes = pairs.becomes();
        MemoryContextSwitchTo(each);
        if (is_same_principal(columns, was, becomes) && is_audited(columns, was, becomes)) {
            const text *email = text_of(becomes, columns.at[Name::email]);
            const ChainEntry entry{DatumGetUUIDP(becomes.values[columns.at[Name::id]]), email,
                                   to_jsonb(principal_changes(
                                       columns, was, becomes,
                                       is_other_owner(columns, was, becomes) && has_row(email))),
                                   is_other_ban(columns, was, becomes)
                                       ? text_of(becomes, columns.at[Name::ban_reason])
                                       : nullptr};
            if (!alone && chains == nullptr) {
                MemoryContextSwitchTo(outside);
                chains = AuditChains::open();
                MemoryContextSwitchTo(each);
            }
            if (alone || !chains->append(entry))
                audit_alone(entry);
        }
        MemoryContextSwitchTo(outside);
        MemoryContextReset(each);
        check_interrupts();
    }
    if (chains != nullptr)
        chains->close();
    pairs.close();
    MemoryContextDelete(each);
}

} // namespace

SQL_FUNCTION(is_audited) {
    const Principal was = principal_argument(fcinfo, 0);
    return BoolGetDatum(is_audited(was.columns, was.row, principal_argument(fcinfo, 1).row));
}

SQL_FUNCTION(principal_changes) {
    const Principal was = principal_argument(fcinfo, 0);
    return to_jsonb(principal_changes(was.columns, was.row, principal_argument(fcinfo, 1).row,
                                      PG_GETARG_BOOL(2)));
}

SQL_FUNCTION(audit_principals) {
    if (!CALLED_AS_TRIGGER(fcinfo))
        throw Error(Errc::not_a_trigger, {"auth.audit_principals()"});
    const auto *data = reinterpret_cast<const TriggerData *>(fcinfo->context);
    if (data->tg_oldtable == nullptr || data->tg_newtable == nullptr)
        throw Error(Errc::not_a_trigger, {"auth.audit_principals()"});
    audit_pairs(*data);
    return Datum(0);
}
