// How rows of our own tables are found and read. Everything here runs inside guard(): no destructors,
// no exceptions.
#pragma once

#include "pg/bridge/bridge.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "storage/smgr.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"
#include "utils/uuid.h"
}

#include <cstring>

namespace pg_principal {

inline Oid relation_named(const char *name) {
    const Oid schema = get_namespace_oid("auth", true);
    return OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;
}

inline Oid existing_relation(const char *name) {
    const Oid oid = relation_named(name);
    if (!OidIsValid(oid))
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation auth.%s is missing", name),
                 errhint("CREATE EXTENSION pg_principal.")));
    return oid;
}

inline AttrNumber column_if_there(Relation relation, const char *name) {
    const TupleDesc desc = RelationGetDescr(relation);
    for (int i = 0; i < desc->natts; ++i) {
        const Form_pg_attribute attribute = TupleDescAttr(desc, i);
        if (!attribute->attisdropped && std::strcmp(NameStr(attribute->attname), name) == 0)
            return attribute->attnum;
    }
    return InvalidAttrNumber;
}

inline AttrNumber column(Relation relation, const char *name) {
    if (const AttrNumber number = column_if_there(relation, name); number != InvalidAttrNumber)
        return number;
    ereport(ERROR,
            (errcode(ERRCODE_UNDEFINED_COLUMN),
             errmsg("column %s of auth.%s is missing", name, RelationGetRelationName(relation))));
    pg_unreachable();
}

struct Row {
    Relation relation;
    HeapTuple tuple;

    Datum get(const char *name, bool *isnull) const {
        return heap_getattr(tuple, column(relation, name), RelationGetDescr(relation), isnull);
    }
    bool is_null(const char *name) const {
        bool isnull;
        (void)get(name, &isnull);
        return isnull;
    }
    Datum get(const char *name) const {
        bool isnull;
        const Datum value = get(name, &isnull);
        if (isnull)
            ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
                            errmsg("auth.%s.%s is null", RelationGetRelationName(relation), name)));
        return value;
    }
    template <std::size_t Size>
    void copy_text_or_empty(const char *name, char (&to)[Size]) const {
        to[0] = '\0';
        if (!is_null(name))
            copy_text(name, to);
    }
    template <std::size_t Size>
    void copy_text(const char *name, char (&to)[Size]) const {
        const text *value = DatumGetTextPP(get(name));
        const std::size_t length = VARSIZE_ANY_EXHDR(value);
        if (length >= Size)
            ereport(ERROR,
                    (errcode(ERRCODE_DATA_CORRUPTED),
                     errmsg("auth.%s.%s is too long", RelationGetRelationName(relation), name)));
        std::memcpy(to, VARDATA_ANY(value), length);
        to[length] = '\0';
    }
};

// An index that begins with a column; InvalidOid (a sequential scan) where there is none.
inline Oid index_on(Relation relation, AttrNumber attribute) {
    List *indexes = RelationGetIndexList(relation);
    Oid found = InvalidOid;
    ListCell *cell;
    foreach (cell, indexes) {
        Relation index = index_open(lfirst_oid(cell), AccessShareLock);
        const Form_pg_index form = index->rd_index;
        if (form->indisvalid && index->rd_rel->relam == BTREE_AM_OID &&
            form->indkey.values[0] == attribute && RelationGetIndexPredicate(index) == NIL)
            found = RelationGetRelid(index);
        index_close(index, AccessShareLock);
        if (OidIsValid(found))
            break;
    }
    list_free(indexes);
    return found;
}

// A few rows, or none: looking at each costs less than opening an index.
enum class Rows { few, many };

// Where so little is there that this is so. What rows have left behind counts, too: a table that
// thousands have passed through since its last VACUUM is as long as they were.
inline bool is_short(Relation relation) { return RelationGetNumberOfBlocks(relation) <= 8; }

// Visits the rows whose `key_column` equals `key`, or all of them without a key. Without a snapshot
// the scan takes a new one: the transaction's own would miss a ban in REPEATABLE READ, and
// GetLatestSnapshot refuses in parallel mode.
template <class Visit>
void scan_relation(Oid table, const char *key_column, RegProcedure equals, Datum key, Visit visit,
                   Rows rows_are = Rows::many, Snapshot snapshot = nullptr) {
    Relation relation = table_open(table, AccessShareLock);
    ScanKeyData scan_key;
    Oid index = InvalidOid;
    if (key_column != nullptr) {
        const AttrNumber attribute = column(relation, key_column);
        if (rows_are == Rows::many || !is_short(relation))
            index = index_on(relation, attribute);
        ScanKeyInit(&scan_key, attribute, BTEqualStrategyNumber, equals, key);
        scan_key.sk_collation = equals == F_TEXTEQ ? DEFAULT_COLLATION_OID : InvalidOid;
    }
    SysScanDesc rows = systable_beginscan(relation, index, OidIsValid(index), snapshot,
                                          key_column != nullptr ? 1 : 0, &scan_key);
    HeapTuple tuple;
    while (HeapTupleIsValid(tuple = systable_getnext(rows)))
        visit(Row{relation, tuple});
    systable_endscan(rows);
    table_close(relation, AccessShareLock);
}

template <class Visit>
void scan(const char *table, const char *key_column, RegProcedure equals, Datum key, Visit visit,
          Rows rows_are = Rows::many, Snapshot snapshot = nullptr) {
    scan_relation(existing_relation(table), key_column, equals, key, visit, rows_are, snapshot);
}

// Nothing has been written to it, or all of it has been vacuumed away. Told by its file: what else
// there is to know of a table takes longer to read than many a request. Its lock keeps the file.
inline bool has_no_blocks(Oid table) {
    LockRelationOid(table, AccessShareLock);
    bool empty = false;
    if (HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
        HeapTupleIsValid(tuple)) {
        const auto *form = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple));
        if (form->relkind == RELKIND_RELATION && OidIsValid(form->relfilenode) &&
            form->relpersistence == RELPERSISTENCE_PERMANENT) {
            const Oid space =
                OidIsValid(form->reltablespace) ? form->reltablespace : MyDatabaseTableSpace;
#if PG_VERSION_NUM >= 170000
            empty =
                smgrnblocks(smgropen({space, MyDatabaseId, form->relfilenode}, INVALID_PROC_NUMBER),
                            MAIN_FORKNUM) == 0;
#else
            empty =
                smgrnblocks(smgropen({space, MyDatabaseId, form->relfilenode}, InvalidBackendId),
                            MAIN_FORKNUM) == 0;
#endif
        }
        ReleaseSysCache(tuple);
    }
    UnlockRelationOid(table, AccessShareLock);
    return empty;
}

// A table that is asked for often is opened for good: its file, too, is then kept open.
inline bool is_known_empty(Oid table, int &looks) {
    return looks < 32 && ++looks > 0 && has_no_blocks(table);
}

// Of a table that the SQL of an earlier version has not.
template <class Visit>
void scan_if_there(const char *table, const char *key_column, const pg_uuid_t *key, Visit visit,
                   Rows rows_are, Snapshot snapshot) {
    static int looks = 0;
    const Oid oid = relation_named(table);
    if (OidIsValid(oid) && !(rows_are == Rows::few && is_known_empty(oid, looks)))
        scan_relation(oid, key_column, F_UUID_EQ, UUIDPGetDatum(key), visit, rows_are, snapshot);
}

// Whether such a table may have rows: a long one is not read to find that out.
inline bool may_have_rows(const char *table, Snapshot snapshot) {
    static int looks = 0;
    const Oid oid = relation_named(table);
    if (!OidIsValid(oid) || is_known_empty(oid, looks))
        return false;
    Relation relation = table_open(oid, AccessShareLock);
    bool any = !is_short(relation);
    if (!any)
        scan_relation(
            oid, nullptr, 0, 0, [&any](const Row &) { any = true; }, Rows::few, snapshot);
    table_close(relation, AccessShareLock);
    return any;
}

} // namespace pg_principal
