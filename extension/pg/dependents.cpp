// A foreign key to one of our tables lets its owner's code run when a row of ours goes: a trigger of
// the table that it cascades to, for instance. Our functions delete with the rights of who installed
// them and on behalf of an ADMIN: they lend it neither. What a statement sets off in the table of
// somebody who is no superuser runs as that table's owner, as PostgreSQL 18 has it of itself (before,
// an AFTER trigger runs as who deletes), and what such a table puts off until the commit runs at once.
// From then on no trigger of the transaction is told who the caller is, and none leaves anything in
// the session that would make later statements run its code.
#include "pg/dependents.hpp"

#include "pg/settings.hpp"
#include "pg/tables/scan.hpp"

extern "C" {
#include "access/stratnum.h"
#include "catalog/namespace.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "nodes/makefuncs.h"
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
    // where the extension is not installed, a schema auth is somebody else's
    if (!OidIsValid(owners.one) || !OidIsValid(get_extension_oid("pg_principal", true)))
        return InvalidOid;
    // several owners do not trust each other
    return owners.are_several ? get_role_oid("authenticated", false) : owners.one;
}

void finish(QueryDesc *query) {
    if (next_hook != nullptr)
        next_hook(query);
    else
        standard_ExecutorFinish(query);
}

// A constraint whose trigger waits for the commit, perhaps: the server tells of what waits the table
// alone.
struct PutOff {
    Oid constraint, table, owner; // no superuser
    NameData name;
    Oid schema;
};

bool constraint_of(const FormData_pg_trigger &trigger, PutOff &found) {
    const HeapTuple row = SearchSysCache1(CONSTROID, ObjectIdGetDatum(trigger.tgconstraint));
    if (!HeapTupleIsValid(row))
        return false;
    const Form_pg_constraint described = reinterpret_cast<Form_pg_constraint>(GETSTRUCT(row));
    found.name = described->conname;
    found.schema = described->connamespace;
    ReleaseSysCache(row);
    return true;
}

// How often a trigger has put constraints off.
unsigned times_deferred = 0;

// A foreign key's own checks are not among them: they run as the owner of the table whenever they do.
// Nor is what has been run: it waits no more, until a trigger puts it off again.
List *what_was_put_off(const List *has_run) {
    List *found = NIL;
    const Relation triggers = table_open(TriggerRelationId, AccessShareLock);
    SysScanDesc scan = systable_beginscan(triggers, InvalidOid, false, nullptr, 0, nullptr);
    for (HeapTuple row; HeapTupleIsValid(row = systable_getnext(scan));) {
        const Form_pg_trigger trigger = reinterpret_cast<Form_pg_trigger>(GETSTRUCT(row));
        if (!trigger->tgdeferrable || RI_FKey_trigger_type(trigger->tgfoid) != RI_TRIGGER_NONE ||
            list_member_oid(has_run, trigger->tgconstraint) ||
            !AfterTriggerPendingOnRel(trigger->tgrelid))
            continue;
        auto *const one = static_cast<PutOff *>(palloc0(sizeof(PutOff)));
        one->constraint = trigger->tgconstraint;
        one->table = trigger->tgrelid;
        const HeapTuple table = SearchSysCache1(RELOID, ObjectIdGetDatum(one->table));
        if (!HeapTupleIsValid(table))
            continue;
        one->owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(table))->relowner;
        ReleaseSysCache(table);
        if (!superuser_arg(one->owner) && constraint_of(*trigger, *one))
            found = lappend(found, one);
    }
    systable_endscan(scan);
    table_close(triggers, AccessShareLock);
    return found;
}

// Of the owner of the first one; whose they are, runs them. A statement names constraints alone.
ConstraintsSetStmt *set_immediate(List *put_off, Oid owner, List *&has_run) {
    auto *const statement = makeNode(ConstraintsSetStmt);
    ListCell *cell = nullptr;
    foreach (cell, put_off) {
        auto *const one = static_cast<PutOff *>(lfirst(cell));
        if (one->owner != owner)
            continue;
        statement->constraints =
            lappend(statement->constraints,
                    makeRangeVar(get_namespace_name(one->schema), pstrdup(NameStr(one->name)), -1));
        has_run = lappend_oid(has_run, one->constraint);
        ListCell *other = nullptr;
        foreach (other, put_off) {
            auto *const next = static_cast<PutOff *>(lfirst(other));
            if (next->owner != one->owner && next->schema == one->schema &&
                namestrcmp(&next->name, NameStr(one->name)) == 0)
                ereport(ERROR,
                        (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                         errmsg("constraint triggers named \"%s\" on tables of several owners wait "
                                "for the commit",
                                NameStr(one->name)),
                         errhint("Give them different names.")));
        }
    }
    return statement;
}

// At the commit it would run as the role that commits, and what it sets would last.
void run_what_was_put_off(int context) {
    List *has_run = NIL;
    for (int passes = 0;; ++passes) {
        CHECK_FOR_INTERRUPTS();
        List *const put_off = what_was_put_off(has_run);
        if (put_off == NIL)
            return;
        const Oid owner = static_cast<PutOff *>(linitial(put_off))->owner;
        if (passes == 100)
            ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                            errmsg("triggers of tables that reference principals put off each "
                                   "other without end")));
        SetUserIdAndSecContext(owner, context | SECURITY_LOCAL_USERID_CHANGE);
        ConstraintsSetStmt *const statement = set_immediate(put_off, owner, has_run);
        const unsigned before = times_deferred;
        AfterTriggerSetState(statement);
        if (times_deferred != before)
            has_run = NIL;
    }
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
    run_what_was_put_off(context);
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

// A type that is looked for before the server's own in every later statement of the session.
bool creates_temporary_type(const Node *statement) {
    List *name = NIL;
    if (IsA(statement, CreateDomainStmt))
        name = reinterpret_cast<const CreateDomainStmt *>(statement)->domainname;
    else if (IsA(statement, CreateEnumStmt))
        name = reinterpret_cast<const CreateEnumStmt *>(statement)->typeName;
    else if (IsA(statement, CreateRangeStmt))
        name = reinterpret_cast<const CreateRangeStmt *>(statement)->typeName;
    char *unqualified = nullptr;
    return name != NIL && isAnyTempNamespace(QualifiedNameGetCreationNamespace(name, &unqualified));
}

// Prepared statements, temporary tables and the like outlive the trigger, and would be run by whoever
// has the connection next: the server refuses them as it does in a restricted operation.
void run_restricted(ProcessUtility_hook_type run, PlannedStmt *statement, const char *text,
                    bool read_only_tree, ProcessUtilityContext context, ParamListInfo parameters,
                    QueryEnvironment *environment, DestReceiver *receiver,
                    QueryCompletion *completion) {
    if (creates_temporary_type(statement->utilityStmt))
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                        errmsg("a trigger cannot create a temporary type in a transaction that "
                               "has deleted a principal or its sessions")));
    if (IsA(statement->utilityStmt, ConstraintsSetStmt) &&
        castNode(ConstraintsSetStmt, statement->utilityStmt)->deferred)
        ++times_deferred;
    Oid user = InvalidOid;
    int security = 0;
    GetUserIdAndSecContext(&user, &security);
    SetUserIdAndSecContext(user, security | SECURITY_RESTRICTED_OPERATION);
    run(statement, text, read_only_tree, context, parameters, environment, receiver, completion);
    SetUserIdAndSecContext(user, security);
}

void on_utility(PlannedStmt *statement, const char *text, bool read_only_tree,
                ProcessUtilityContext context, ParamListInfo parameters,
                QueryEnvironment *environment, DestReceiver *receiver,
                QueryCompletion *completion) {
    const auto run = next_utility_hook != nullptr ? next_utility_hook : standard_ProcessUtility;
    if (settings::identity_is_withheld())
        run_restricted(run, statement, text, read_only_tree, context, parameters, environment,
                       receiver, completion);
    else
        run(statement, text, read_only_tree, context, parameters, environment, receiver,
            completion);
}

} // namespace

void watch_dependents() {
    next_hook = ExecutorFinish_hook;
    ExecutorFinish_hook = on_finish;
    next_utility_hook = ProcessUtility_hook;
    ProcessUtility_hook = on_utility;
}

} // namespace pg_principal
