// A signal is a relcache invalidation message: transactional, in the commit record and so on every
// standby, in the file of a prepared transaction. The server compares the relation it names with
// those it knows and passes it on; ours name "relations" that nobody has: the top bit, two bits for
// the subject, 29 of a hash. A table that ever gets such an oid costs a look at two rows.
#include "pg/tables/revocation.hpp"

#include "pg/tables/store.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "common/hashfn.h"
#include "utils/inval.h"
}

#include <cstdint>
#include <cstring>

namespace pg_principal {

std::uint64_t identity_epoch = 1;
std::uint64_t binding_epoch = 1;
std::uint64_t everything_epoch = 1;
WorkDone work_done{};
void (*on_binding_changed)() noexcept = nullptr;

namespace {

constexpr SignalId ours = 0x80000000, subject_shift = 29, hash_bits = (1U << subject_shift) - 1;
constexpr std::uint32_t slots = 8192, few_slots = 1024; // of sessions, of principals; of others
// Above so many changes in one transaction the queue, which holds 4,096 messages, would suffer more
// than whoever has to prove again.
constexpr int most_signals = 64;

// When each was last signalled, by a clock that counts signals. Several share a slot: a signal for
// one makes the rows of the others be read again, too.
std::uint64_t changed[2 * slots + 2 * few_slots];
std::uint64_t key_changed = 0, everything_changed = 1, clock_now = 1;

Oid marker = InvalidOid;
// Transactions that have read their own rows are numbered; those up to `vanished` may have rolled
// back.
std::uint64_t own_transaction = 1, vanished = 0;
bool own_rows_seen = false;
int signals_sent = 0; // by the current transaction

bool is_ours(Oid relation) noexcept {
    return (relation & ours) != 0; // two bits: four subjects
}

bool is_key(SignalId id) noexcept {
    return (id & ~ours) >> subject_shift == static_cast<std::uint32_t>(Subject::key);
}

std::uint64_t &last_change(SignalId id) noexcept {
    const std::uint32_t hash = id & hash_bits;
    const std::uint32_t subject = (id & ~ours) >> subject_shift;
    return subject < 2 ? changed[subject * slots + hash % slots]
                       : changed[2 * slots + (subject - 2) * few_slots + hash % few_slots];
}

void forget_own_rows() noexcept {
    vanished = own_transaction;
    ++own_transaction;
    ++identity_epoch;
}

// Callbacks only count: they run where nothing may fail or be freed.
void on_relcache_invalidation(Datum, Oid relation) {
    if (is_ours(relation)) {
        last_change(relation) = ++clock_now;
        if (is_key(relation))
            key_changed = clock_now;
        ++identity_epoch;
    } else if (relation == marker || !OidIsValid(relation)) {
        forget_everything();
    }
}

void on_transaction(XactEvent event, void *) {
    const bool may_vanish = event == XACT_EVENT_ABORT || event == XACT_EVENT_PARALLEL_ABORT ||
                            event == XACT_EVENT_PREPARE;
    const bool stays = event == XACT_EVENT_COMMIT || event == XACT_EVENT_PARALLEL_COMMIT;
    if (may_vanish && own_rows_seen)
        forget_own_rows();
    if (stays && own_rows_seen)
        ++own_transaction;
    if (may_vanish || stays) {
        own_rows_seen = false;
        signals_sent = 0;
    }
}

void on_subtransaction(SubXactEvent event, SubTransactionId, SubTransactionId, void *) {
    if (event == SUBXACT_EVENT_ABORT_SUB && own_rows_seen)
        forget_own_rows();
}

// What CacheInvalidateRelcacheByTuple reads of a row of pg_class: its oid, and that it is not
// shared.
struct ClassRow {
    alignas(
        MAXIMUM_ALIGNOF) char bytes[MAXALIGN(SizeofHeapTupleHeader) + sizeof(FormData_pg_class)];
};

void send(SignalId id) {
    ClassRow row{};
    HeapTupleData tuple{};
    tuple.t_len = sizeof row.bytes;
    tuple.t_data = reinterpret_cast<HeapTupleHeader>(row.bytes);
    tuple.t_data->t_hoff = MAXALIGN(SizeofHeapTupleHeader);
    reinterpret_cast<Form_pg_class>(GETSTRUCT(&tuple))->oid = id;
    CacheInvalidateRelcacheByTuple(&tuple);
}

} // namespace

SignalId signal_id(Subject subject, std::string_view id) noexcept {
    const std::uint32_t hash =
        hash_bytes(reinterpret_cast<const unsigned char *>(id.data()), static_cast<int>(id.size()));
    return ours | static_cast<std::uint32_t>(subject) << subject_shift | (hash & hash_bits);
}

void forget_everything() noexcept {
    everything_changed = ++clock_now;
    ++everything_epoch;
    ++identity_epoch;
}

void forget_binding() noexcept {
    ++binding_epoch;
    ++identity_epoch;
    if (on_binding_changed != nullptr)
        on_binding_changed();
}

void watch_revocations() {
    CacheRegisterRelcacheCallback(on_relcache_invalidation, 0);
    RegisterXactCallback(on_transaction, nullptr);
    RegisterSubXactCallback(on_subtransaction, nullptr);
}

void accept_revocations() {
    guard([] { AcceptInvalidationMessages(); });
}

Since Since::now() {
    marker = revocation_marker(); // from now on its signals count
    Since since;
    since.clock_ = clock_now;
    if (TransactionIdIsValid(GetTopTransactionIdIfAny())) {
        own_rows_seen = true;
        since.own_transaction_ = own_transaction;
    }
    return since;
}

bool Since::holds() const noexcept {
    return clock_ >= everything_changed && (own_transaction_ == 0 || own_transaction_ > vanished);
}

bool Since::holds_for(SignalId id) const noexcept { return clock_ >= last_change(id) && holds(); }

bool Since::holds_for_all_keys() const noexcept { return clock_ >= key_changed && holds(); }

void signal_change(SignalId id) {
    if (++signals_sent > most_signals)
        return signal_everything();
    guard([id] { send(id); });
}

void signal_everything() {
    const Oid relation = revocation_marker();
    if (OidIsValid(relation))
        guard([relation] { CacheInvalidateRelcacheByRelid(relation); });
}

} // namespace pg_principal
