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

// The present caller.
Author read_author() {
    return guard([] {
        Author author{};
        if (SPI_connect() != SPI_OK_CONNECT)
            elog(ERROR, "SPI_connect failed");
        if (SPI_execute("SELECT * FROM auth.audit_caller()", false, 1) != SPI_OK_SELECT ||
            SPI_processed != 1 || SPI_tuptable->tupdesc->natts != 5)
            elog(ERROR, "auth.audit_caller() failed");
        const TupleDesc desc = SPI_tuptable->tupdesc;
        for (int i = 0; i < 5; ++i) {
            const Datum value = SPI_getbinval(SPI_tuptable->vals[0], desc, i + 1, &author.nulls[i]);
            if (!author.nulls[i])
                author.values[i] =
                    SPI_datumTransfer(i == 0 ? value : PointerGetDatum(PG_DETOAST_DATUM(value)),
                                      false, TupleDescAttr(desc, i)->attlen);
        }
        SPI_finish();
        return author;
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

// What was told last is often what is told next: kept as jsonb, and as the text that is hashed.
class Told {
  public:
    void keep_in(MemoryContext context) { context_ = context; }
    void tell(std::string &&changes) {
        if (is_there_ && changes == json_)
            return;
        is_there_ = false;
        json_ = std::move(changes);
        MemoryContextReset(context_);
        const MemoryContext callers = MemoryContextSwitchTo(context_);
        jsonb = to_jsonb(json_);
        text = jsonb_text(jsonb);
        MemoryContextSwitchTo(callers);
        is_there_ = true;
    }
    Datum jsonb = 0;
    std::string_view text;

  private:
    MemoryContext context_ = nullptr;
    std::string json_;
    bool is_there_ = false;
};

MemoryContext new_context() {
    return guard([] {
        return AllocSetContextCreate(CurrentMemoryContext, "audit of many", ALLOCSET_DEFAULT_SIZES);
    });
}

void audit_pairs(const TriggerData &data) {
    using Name = PrincipalColumns::Name;
    const bool alone = tuplestore_tuple_count(data.tg_newtable) <= few;
    Pairs pairs(data);
    const PrincipalColumns &columns = pairs.columns;
    AuditChains *chains = nullptr;
    const MemoryContext outside = CurrentMemoryContext;
    const MemoryContext each = new_context(), kept = new_context();
    Told told;
    told.keep_in(kept);
    while (pairs.next()) {
        const PrincipalValues was = pairs.was(), becomes = pairs.becomes();
        MemoryContextSwitchTo(each);
        if (is_same_principal(columns, was, becomes) && is_audited(columns, was, becomes)) {
            const text *email = text_of(becomes, columns.at[Name::email]);
            told.tell(principal_changes(columns, was, becomes,
                                        is_other_owner(columns, was, becomes) && has_row(email)));
            const ChainEntry entry{
                DatumGetUUIDP(becomes.values[columns.at[Name::id]]), email, told.jsonb, told.text,
                is_other_ban(columns, was, becomes) ? text_of(becomes, columns.at[Name::ban_reason])
                                                    : nullptr};
            if (!alone && chains == nullptr) {
                MemoryContextSwitchTo(outside);
                chains = AuditChains::open(read_author());
                MemoryContextSwitchTo(each);
            }
            if (alone || chains->append(entry) == 0)
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
    MemoryContextDelete(kept);
}

// Of an aggregate that begins a chain for each of its rows.
struct Begun {
    AuditChains *chains;
    Told *told;
    int64 count;
};

Begun *begin_chains(MemoryContext context) {
    const MemoryContext callers = MemoryContextSwitchTo(context);
    auto *begun = guard([] { return static_cast<Begun *>(palloc0(sizeof(Begun))); });
    begun->chains = AuditChains::open(read_author());
    begun->told = new_in_context<Told>(context);
    begun->told->keep_in(new_context());
    MemoryContextSwitchTo(callers);
    return begun;
}

} // namespace

SQL_FUNCTION(begin_chain) {
    MemoryContext context;
    if (AggCheckCallContext(fcinfo, &context) == 0 || PG_ARGISNULL(1) || PG_ARGISNULL(2) ||
        PG_ARGISNULL(3))
        throw Error(Errc::argument_null, {"a new chain"});
    auto *begun =
        PG_ARGISNULL(0) ? begin_chains(context) : reinterpret_cast<Begun *>(PG_GETARG_POINTER(0));
    begun->told->tell(std::string(jsonb_argument(fcinfo, 3)));
    const ChainEntry entry{PG_GETARG_UUID_P(1), guard([fcinfo] { return PG_GETARG_TEXT_PP(2); }),
                           begun->told->jsonb, begun->told->text, nullptr};
    if (!begun->chains->begin(entry))
        audit_alone(entry);
    ++begun->count;
    return PointerGetDatum(begun);
}

// How many there are now.
SQL_FUNCTION(chains_begun) {
    if (PG_ARGISNULL(0))
        return Int64GetDatum(0);
    const auto *begun = reinterpret_cast<Begun *>(PG_GETARG_POINTER(0));
    begun->chains->close();
    return Int64GetDatum(begun->count);
}

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
