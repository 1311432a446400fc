// Entries of the audit, one or many in one go, by the server's own way for whole rows and without a
// statement for each.
#pragma once

#include "pg/bridge/bridge.hpp"

extern "C" {
#include "access/genam.h"
#include "nodes/execnodes.h"
#include "utils/uuid.h"
}

#include <cstdint>
#include <optional>
#include <string_view>

namespace pg_principal {

// Who makes entries: actor_id, actor_email, metadata, ip, user_agent; not toasted.
struct Author {
    Datum values[5];
    bool nulls[5];
};

struct ChainEntry {
    const pg_uuid_t *principal;
    const text *subject; // nullptr: none
    Datum changes;       // jsonb
    std::string_view changes_text;
    const text *reason; // nullptr: none
};

// A table that rows are written to, new ones some at a time.
struct WrittenTable {
    static constexpr int most = 64; // a page and more of them

    Relation relation;
    ResultRelInfo *info;
    TupleTableSlot *rows[most]; // nullptr: not needed yet
    int waiting;                // of rows: not written yet
};

// Lives in the memory context that was current when it was opened; after an error it is gone with
// its transaction.
class AuditChains {
  public:
    static AuditChains *open(const Author &author);
    void close();
    // Its number, or 0: this chain wants auth.audit(), because somebody holds it, entries wait for
    // it, it has no head, or a table is not as we made it.
    std::int64_t append(const ChainEntry &entry);
    // The first entry of a chain that has none.
    bool begin(const ChainEntry &entry);

  private:
    struct Head {
        bool found;
        std::int64_t sequence;
        const text *hash;
    };
    void open_tables();
    void start_reading();
    Head lock_head(const pg_uuid_t &principal);
    Head find_and_lock(const pg_uuid_t &principal);
    void write(const ChainEntry &entry, std::int64_t sequence, const text *previous_hash,
               bool has_head);

    MemoryContext context_;
    WrittenTable heads_, log_;
    TupleTableSlot *found_;
    EState *estate_;
    IndexScanDesc scan_; // nullptr: nothing has been read yet
    Relation index_;
    Oid by_user_;      // the index of the heads
    bool as_made_;     // both tables have our columns, nothing fires, and there is that index
    bool any_waiting_; // entries, for some chain, or so it may be
    Author author_;
    std::optional<std::string_view> actor_email_, metadata_, ip_, user_agent_;
};

} // namespace pg_principal
