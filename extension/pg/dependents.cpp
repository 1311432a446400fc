// A foreign key to one of our tables lets its owner's code run when a row of ours goes: a trigger of
// the table that it cascades to, for instance. Our functions delete with the rights of who installed
// them and on behalf of an ADMIN: they lend it neither. What a statement sets off in the table of
// somebody who is no superuser runs as that table's owner, as PostgreSQL 18 has it of itself (before,
// an AFTER trigger runs as who deletes). From then on no trigger of the transaction is told who the
// caller is, so that what was put off until the commit is not, either.
#include "pg/dependents.hpp"

#include "pg/settings.hpp"
#include "pg/tables/scan.hpp"

extern "C" {
#include "access/stratnum.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/guc.h"
}

namespace pg_principal {

namespace {

ExecutorFinish_hook_type next_hook = nullptr;
ProcessUtility_hook_type next_utility_hook = nullptr;

// Everything here is called by the server and may end by a longjmp: nothing has a destructor.
struct Owners {
    Oid one;           // the first who is no superuser
    bool are_several;  // others are none, either
    List *seen_tables; // oids
};

void look_at_tables_behind(Oid referenced, Owners &owners);

void look_at_table(Oid table, Owners &owners) {
    if (list_member_oid(owners.seen_tables, table))
        return;
    owners.seen_tables = lappend_oid(owners.seen_tables, table);
    const HeapTuple row = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
    if (!HeapTupleIsValid(row))
        return;
    const Form_pg_class described = reinterpret_cast<Form_pg_class>(GETSTRUCT(row));
    const Oid owner = described->relowner;
    const bool has_parts = described->relkind == RELKIND_PARTITIONED_TABLE;
    const bool is_ours = described->relnamespace == get_namespace_oid("auth", true);
    ReleaseSysCache(row);
    if (!is_ours && !superuser_arg(owner)) {
        // it answers for whom it lets reference its own
        owners.are_several = owners.are_several || (OidIsValid(owners.one) && owners.one != owner);
        owners.one = OidIsValid(owners.one) ? owners.one : owner;
        return;
    }
    look_at_tables_behind(table, owners);
    if (has_parts) {
        ListCell *cell = nullptr;
        foreach (cell, find_inheritance_children(table, NoLock))
            look_at_table(lfirst_oid(cell), owners);
    }
}

// The tables whose foreign keys lead to this one, by its triggers.
void look_at_tables_behind(Oid referenced, Owners &owners) {
    const Relation triggers = table_open(TriggerRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_trigger_tgrelid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(referenced));
    SysScanDesc scan =
        systable_beginscan(triggers, TriggerRelidNameIndexId, true, nullptr, 1, &key);
    List *tables = NIL;
    for (HeapTuple row; HeapTupleIsValid(row = systable_getnext(scan));) {
        const Form_pg_trigger trigger = reinterpret_cast<Form_pg_trigger>(GETSTRUCT(row));
        if (RI_FKey_trigger_type(trigger->tgfoid) == RI_TRIGGER_PK)
            tables = lappend_oid(tables, trigger->tgconstrrelid);
    }
    systable_endscan(scan);
    table_close(triggers, AccessShareLock);
    ListCell *cell = nullptr;
    foreach (cell, tables)
        look_at_table(lfirst_oid(cell), owners);
}

// Whether this foreign key notices that these columns of what it references were written.
bool notices(const Trigger &trigger, const Bitmapset *written) {
    const HeapTuple row = SearchSysCache1(CONSTROID, ObjectIdGetDatum(trigger.tgconstraint));
    if (!HeapTupleIsValid(row))
        return false;
    bool is_null = false;
    const Datum keys = SysCacheGetAttr(CONSTROID, row, Anum_pg_constraint_confkey, &is_null);
    bool found = false;
    if (!is_null) {
        const ArrayType *columns = DatumGetArrayTypeP(keys);
        const auto *numbers = reinterpret_cast<const AttrNumber *>(ARR_DATA_PTR(columns));
        const int count = ArrayGetNItems(ARR_NDIM(columns), ARR_DIMS(columns));
        for (int i = 0; i < count; ++i)
            found =
                found || bms_is_member(numbers[i] - FirstLowInvalidHeapAttributeNumber, written);
    }
    ReleaseSysCache(row);
    return found;
}

void look_at_target(ResultRelInfo *target, CmdType operation, EState *estate, Owners &owners) {
    const Relation table = target->ri_RelationDesc;
    const TriggerDesc *const all = target->ri_TrigDesc;
    if (all == nullptr || RelationGetNamespace(table) != get_namespace_oid("auth", true))
        return;
    for (int i = 0; i < all->numtriggers; ++i) {
        const Trigger &trigger = all->triggers[i];
        if (RI_FKey_trigger_type(trigger.tgfoid) != RI_TRIGGER_PK)
            continue;
        const bool deletes = TRIGGER_FOR_DELETE(trigger.tgtype);
        if (deletes
                ? operation == CMD_DELETE || operation == CMD_MERGE
                : operation != CMD_DELETE && notices(trigger, ExecGetUpdatedCols(target, estate)))
            look_at_table(trigger.tgconstrrelid, owners);
    }
}

void look_at_targets(ModifyTableState *node, EState *estate, Owners &owners) {
    for (int i = 0; i < node->mt_nrels; ++i)
        look_at_target(&node->resultRelInfo[i], node->operation, estate, owners);
}

// The owner as whom what hangs on the changed rows is to run; InvalidOid: nothing of others does.
Oid owner_of_dependents(const QueryDesc *query) {
    EState *const estate = query->estate;
    if (estate->es_top_eflags & EXEC_FLAG_SKIP_TRIGGERS)
        return InvalidOid;
    Owners owners{};
    ListCell *cell = nullptr;
    foreach (cell, estate->es_auxmodifytables)
        look_at_targets(lfirst_node(ModifyTableState, cell), estate, owners);
    if (IsA(query->planstate, ModifyTableState) && estate->es_processed > 0)
        look_at_targets(castNode(ModifyTableState, query->planstate), estate, owners);
    list_free(owners.seen_tables);
    // several owners do not trust each other
    return owners.are_several ? get_role_oid("authenticated", false) : owners.one;
}

void finish(QueryDesc *query) {
    if (next_hook != nullptr)
        next_hook(query);
    else
        standard_ExecutorFinish(query);
}

void finish_as(Oid owner, QueryDesc *query) {
    Oid user = InvalidOid;
    int context = 0;
    GetUserIdAndSecContext(&user, &context);
    settings::withhold_identity();
    const int level = NewGUCNestLevel();
#if PG_VERSION_NUM < 180000
    // after an error the end of the (sub)transaction takes all of this back
    SetUserIdAndSecContext(owner, context | SECURITY_LOCAL_USERID_CHANGE);
#else
    (void)owner;
#endif
    finish(query);
    SetUserIdAndSecContext(user, context);
    AtEOXact_GUC(false, level); // what it has set ends with it
}

void on_finish(QueryDesc *query) {
    const bool may_change_rows =
        query->operation != CMD_SELECT || query->plannedstmt->hasModifyingCTE;
    const Oid owner = may_change_rows ? owner_of_dependents(query) : InvalidOid;
    if (OidIsValid(owner))
        finish_as(owner, query);
    else
        finish(query);
}

// Such a cursor runs at the commit, outside of any trigger.
void refuse_held_cursor(const Node *statement) {
    if (IsA(statement, DeclareCursorStmt) &&
        (reinterpret_cast<const DeclareCursorStmt *>(statement)->options & CURSOR_OPT_HOLD) != 0 &&
        settings::identity_is_withheld())
        ereport(ERROR,
                (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                 errmsg("a trigger cannot declare a cursor WITH HOLD in a transaction that has "
                        "deleted a principal or its sessions")));
}

void on_utility(PlannedStmt *statement, const char *text, bool read_only_tree,
                ProcessUtilityContext context, ParamListInfo parameters,
                QueryEnvironment *environment, DestReceiver *receiver,
                QueryCompletion *completion) {
    refuse_held_cursor(statement->utilityStmt);
    const auto run = next_utility_hook != nullptr ? next_utility_hook : standard_ProcessUtility;
    run(statement, text, read_only_tree, context, parameters, environment, receiver, completion);
}

} // namespace

void watch_dependents() {
    next_hook = ExecutorFinish_hook;
    ExecutorFinish_hook = on_finish;
    next_utility_hook = ProcessUtility_hook;
    ProcessUtility_hook = on_utility;
}

} // namespace pg_principal
