#include "pg/tables/audit_chains.hpp"

#include "core/principals/audit_chain.hpp"
#include "pg/bridge/jsonb.hpp"
#include "pg/bridge/time.hpp"
#include "pg/bridge/uuid.hpp"
#include "pg/tables/scan.hpp"

extern "C" {
#include "access/tableam.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
}

#include <new>

namespace pg_principal {

namespace {

// The columns of both tables in their order, as AuditChains::write() fills them.
constexpr const char *head_columns[] = {
    "user_id",    "seq",          "hash",     "pruned_seq",      "pruned_hash",
    "sealed_seq", "failure_hour", "failures", "proven_failures", "suppressed"};
constexpr const char *log_columns[] = {
    "user_id", "seq",      "created_at", "actor_id",   "actor_email",   "subject", "changes",
    "reason",  "metadata", "ip",         "user_agent", "previous_hash", "hash"};

// What follows runs inside guard().

WrittenTable open_for_writing(const char *name) {
    WrittenTable table{};
    table.relation = table_open(existing_relation(name), RowExclusiveLock);
    table.info = makeNode(ResultRelInfo);
    InitResultRelInfo(table.info, table.relation, 0, nullptr, 0);
    ExecOpenIndices(table.info, false);
    return table;
}

void close(WrittenTable &table) {
    for (TupleTableSlot *row : table.rows)
        if (row != nullptr)
            ExecDropSingleTupleTableSlot(row);
    ExecCloseIndices(table.info);
    table_close(table.relation, NoLock);
}

// In the memory context of a row, as all that writes: it leaves something behind.
void write_waiting(WrittenTable &table, EState *estate) {
#if PG_VERSION_NUM >= 190000
    for (int i = 0; i < table.waiting; ++i)
        ExecSimpleRelationInsert(table.info, estate, table.rows[i]);
#else
    if (table.waiting > 0)
        table_multi_insert(table.relation, table.rows, table.waiting, GetCurrentCommandId(true), 0,
                           nullptr);
    for (int i = 0; i < table.waiting; ++i) {
        table.rows[i]->tts_tableOid = RelationGetRelid(table.relation);
        ExecInsertIndexTuples(table.info, table.rows[i], estate, false, false, nullptr, NIL
#if PG_VERSION_NUM >= 160000
                              ,
                              false
#endif
        );
        ResetPerTupleExprContext(estate);
    }
#endif
    for (int i = 0; i < table.waiting; ++i)
        ExecClearTuple(table.rows[i]);
    table.waiting = 0;
}

TupleTableSlot *next_row(WrittenTable &table, EState *estate) {
    if (table.waiting == WrittenTable::most)
        write_waiting(table, estate);
    TupleTableSlot *&row = table.rows[table.waiting];
    if (row == nullptr) { // kept for rows to come
        const MemoryContext callers = MemoryContextSwitchTo(GetMemoryChunkContext(table.info));
        row = table_slot_create(table.relation, nullptr);
        MemoryContextSwitchTo(callers);
    }
    return ExecClearTuple(row);
}

// What next_row() gave, filled.
void add_row(WrittenTable &table, EState *estate) {
    TupleTableSlot *row = ExecStoreVirtualTuple(table.rows[table.waiting]);
#if PG_VERSION_NUM < 190000
    if (RelationGetDescr(table.relation)->constr != nullptr)
        ExecConstraints(table.info, row, estate);
    ResetPerTupleExprContext(estate);
#endif
    ExecMaterializeSlot(row); // the values go with the caller's
    ++table.waiting;
}

template <std::size_t Count>
bool has_columns(Relation relation, const char *const (&names)[Count]) {
    const TupleDesc desc = RelationGetDescr(relation);
    if (desc->natts != static_cast<int>(Count))
        return false;
    for (int i = 0; i < desc->natts; ++i) {
        const Form_pg_attribute attribute = TupleDescAttr(desc, i);
        if (attribute->attisdropped || attribute->attgenerated != '\0' ||
            std::strcmp(NameStr(attribute->attname), names[i]) != 0)
            return false;
    }
    return true;
}

// Nothing of anybody's happens beside the row itself. Ours, keep_audit, is for other statements.
bool is_plain(Relation relation) {
    const TriggerDesc *triggers = relation->trigdesc;
    return relation->rd_rel->relkind == RELKIND_RELATION && relation->rd_rules == nullptr &&
           (triggers == nullptr ||
            !(triggers->trig_insert_before_row || triggers->trig_insert_after_row ||
              triggers->trig_insert_before_statement || triggers->trig_insert_after_statement));
}

bool fires_on_update(Relation relation) {
    const TriggerDesc *triggers = relation->trigdesc;
    return triggers != nullptr &&
           (triggers->trig_update_before_row || triggers->trig_update_after_row ||
            triggers->trig_update_before_statement || triggers->trig_update_after_statement);
}

std::optional<std::string_view> text_or_none(Datum value, bool isnull) {
    return isnull
               ? std::nullopt
               : std::optional(to_utf8(view_of(reinterpret_cast<text *>(DatumGetPointer(value)))));
}

} // namespace

AuditChains *AuditChains::open(const Author &author) {
    auto *chains = guard([] { return static_cast<AuditChains *>(palloc0(sizeof(AuditChains))); });
    new (chains) AuditChains();
    chains->context_ = CurrentMemoryContext;
    chains->author_ = author;
    chains->actor_email_ = text_or_none(author.values[1], author.nulls[1]);
    if (!author.nulls[2])
        chains->metadata_ = jsonb_text(author.values[2]);
    chains->ip_ = text_or_none(author.values[3], author.nulls[3]);
    chains->user_agent_ = text_or_none(author.values[4], author.nulls[4]);
    guard([chains] {
        PreventCommandIfReadOnly("INSERT"); // the server asks this of statements alone
        chains->open_tables();
    });
    return chains;
}

void AuditChains::open_tables() {
    heads_ = open_for_writing("audit_heads");
    log_ = open_for_writing("audit_log");
    estate_ = CreateExecutorState();
    by_user_ = index_on(heads_.relation, column(heads_.relation, "user_id"));
    as_made_ = has_columns(heads_.relation, head_columns) &&
               has_columns(log_.relation, log_columns) && is_plain(heads_.relation) &&
               is_plain(log_.relation) && !fires_on_update(heads_.relation) && OidIsValid(by_user_);
}

// What earlier statements of this transaction have written counts, too.
void AuditChains::start_reading() {
    CommandCounterIncrement();
    PushActiveSnapshot(GetTransactionSnapshot());
    index_ = index_open(by_user_, AccessShareLock);
    scan_ = index_beginscan(heads_.relation, index_, GetActiveSnapshot(),
#if PG_VERSION_NUM >= 180000
                            nullptr,
#endif
                            1, 0
#if PG_VERSION_NUM >= 190000
                            ,
                            SO_NONE
#endif
    );
    found_ = table_slot_create(heads_.relation, nullptr);
    any_waiting_ = may_have_rows("audit_unlinked", GetActiveSnapshot());
}

void AuditChains::close() {
    guard([this] {
        write_waiting(log_, estate_);
        write_waiting(heads_, estate_);
        if (scan_ != nullptr) {
            ExecDropSingleTupleTableSlot(found_);
            index_endscan(scan_);
            index_close(index_, NoLock);
            PopActiveSnapshot();
        }
        FreeExecutorState(estate_);
        pg_principal::close(log_);
        pg_principal::close(heads_);
    });
}

// In our own context: a scan keeps what it allocates for its next row.
AuditChains::Head AuditChains::lock_head(const pg_uuid_t &principal) {
    const MemoryContext callers = MemoryContextSwitchTo(context_);
    const Head head = find_and_lock(principal);
    MemoryContextSwitchTo(callers);
    return head;
}

AuditChains::Head AuditChains::find_and_lock(const pg_uuid_t &principal) {
    Head head{};
    if (scan_ == nullptr)
        start_reading();
    if (any_waiting_) {
        bool waits = false;
        scan_if_there(
            "audit_unlinked", "user_id", &principal, [&waits](const Row &) { waits = true; },
            Rows::few, GetActiveSnapshot());
        if (waits)
            return head;
    }
    ScanKeyData key;
    ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(&principal));
    index_rescan(scan_, &key, 1, nullptr, 0);
    if (!index_getnext_slot(scan_, ForwardScanDirection, found_))
        return head;
    ItemPointerData at = found_->tts_tid;
    TM_FailureData failure;
    const bool one_snapshot = IsolationUsesXactSnapshot();
    switch (table_tuple_lock(heads_.relation, &at, GetActiveSnapshot(), found_,
                             GetCurrentCommandId(false), LockTupleNoKeyExclusive, LockWaitSkip,
                             one_snapshot ? 0 : TUPLE_LOCK_FLAG_FIND_LAST_VERSION, &failure)) {
    case TM_Ok:
        break;
    case TM_Updated:
    case TM_Deleted:
        if (IsolationIsSerializable()) // in REPEATABLE READ the entry waits to be linked
            ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                            errmsg("could not serialize access due to concurrent update")));
        return head;
    case TM_WouldBlock:
        return head;
    default:
        elog(ERROR, "the head of an audit chain cannot be locked");
    }
    slot_getallattrs(found_);
    head.found = true;
    head.sequence = DatumGetInt64(found_->tts_values[1]);
    head.hash = DatumGetTextPP(found_->tts_values[2]);
    return head;
}

std::int64_t AuditChains::append(const ChainEntry &entry) {
    if (!as_made_)
        return 0;
    const Head head = guard([this, &entry] { return lock_head(*entry.principal); });
    if (!head.found)
        return 0;
    write(entry, head.sequence + 1, head.hash, true);
    return head.sequence + 1;
}

bool AuditChains::begin(const ChainEntry &entry) {
    if (as_made_)
        write(entry, 1, to_bytes(chain_genesis(uuid_from(entry.principal->data))), false);
    return as_made_;
}

void AuditChains::write(const ChainEntry &entry, std::int64_t sequence, const text *previous_hash,
                        bool has_head) {
    const TimestampTz now = GetCurrentTimestamp();
    AuditEntry hashed;
    hashed.principal_id = uuid_from(entry.principal->data);
    hashed.sequence = sequence;
    hashed.created_at_us = unix_microseconds(now);
    if (!author_.nulls[0])
        hashed.actor_id = uuid_from(DatumGetUUIDP(author_.values[0])->data);
    hashed.actor_email = actor_email_;
    if (entry.subject != nullptr)
        hashed.subject = to_utf8(view_of(entry.subject));
    hashed.changes = entry.changes_text;
    if (entry.reason != nullptr)
        hashed.reason = to_utf8(view_of(entry.reason));
    hashed.metadata = metadata_;
    hashed.ip = ip_;
    hashed.user_agent = user_agent_;
    const text *hash = to_bytes(audit_entry_hash(hashed, view_of(previous_hash)));
    guard([&] {
        const Datum id = UUIDPGetDatum(entry.principal);
        const Datum head[] = {id, Int64GetDatum(sequence), PointerGetDatum(hash)};
        const Datum row[] = {id,
                             Int64GetDatum(sequence),
                             TimestampTzGetDatum(now),
                             author_.values[0],
                             author_.values[1],
                             PointerGetDatum(entry.subject),
                             entry.changes,
                             PointerGetDatum(entry.reason),
                             author_.values[2],
                             author_.values[3],
                             author_.values[4],
                             PointerGetDatum(previous_hash),
                             PointerGetDatum(hash)};
        TupleTableSlot *to = next_row(log_, estate_);
        for (int i = 0; i < 13; ++i) {
            to->tts_values[i] = row[i];
            to->tts_isnull[i] = false;
        }
        to->tts_isnull[3] = author_.nulls[0];
        to->tts_isnull[4] = author_.nulls[1];
        to->tts_isnull[5] = entry.subject == nullptr;
        to->tts_isnull[7] = entry.reason == nullptr;
        for (int i = 0; i < 3; ++i)
            to->tts_isnull[8 + i] = author_.nulls[2 + i];
        add_row(log_, estate_);
        to = next_row(heads_, estate_);
        for (int i = 0; i < 10; ++i) {
            to->tts_values[i] = i < 3 ? head[i] : has_head ? found_->tts_values[i] : 0;
            // of a new one: zeros, but for what is not known
            to->tts_isnull[i] = has_head ? found_->tts_isnull[i] : i == 4 || i == 6;
        }
        if (has_head) { // waits for nothing: the next entry of the chain would be linked to it
            EPQState none{};
            ExecSimpleRelationUpdate(heads_.info, estate_, &none, found_,
                                     ExecStoreVirtualTuple(to));
            ExecClearTuple(to);
        } else {
            add_row(heads_, estate_);
        }
        ResetPerTupleExprContext(estate_);
    });
}

} // namespace pg_principal
