#include "pg/tables/revocation.hpp"

#include "pg/tables/store.hpp"

extern "C" {
#include "access/xact.h"
#include "utils/inval.h"
}

namespace pg_principal {

std::uint64_t proof_epoch = 1;
std::uint64_t identity_epoch = 1;

namespace {

Oid marker = InvalidOid;
bool own_rows_seen = false;

// Callbacks only count: they run where nothing may fail or be freed.
void on_relcache_invalidation(Datum, Oid relation) {
    if (relation == marker || !OidIsValid(relation))
        forget_proofs();
}

void on_transaction(XactEvent event, void *) {
    const bool may_vanish = event == XACT_EVENT_ABORT || event == XACT_EVENT_PARALLEL_ABORT ||
                            event == XACT_EVENT_PREPARE;
    const bool stays = event == XACT_EVENT_COMMIT || event == XACT_EVENT_PARALLEL_COMMIT;
    if (may_vanish && own_rows_seen)
        forget_proofs();
    if (may_vanish || stays)
        own_rows_seen = false;
}

void on_subtransaction(SubXactEvent event, SubTransactionId, SubTransactionId, void *) {
    if (event == SUBXACT_EVENT_ABORT_SUB && own_rows_seen)
        forget_proofs();
}

} // namespace

void forget_proofs() noexcept {
    ++proof_epoch;
    ++identity_epoch;
}

void forget_binding() noexcept { ++identity_epoch; }

void watch_revocations() {
    CacheRegisterRelcacheCallback(on_relcache_invalidation, 0);
    RegisterXactCallback(on_transaction, nullptr);
    RegisterSubXactCallback(on_subtransaction, nullptr);
}

void accept_revocations() {
    guard([] { AcceptInvalidationMessages(); });
}

void find_marker() { marker = revocation_marker(); }

void note_own_transaction() noexcept {
    own_rows_seen = own_rows_seen || TransactionIdIsValid(GetTopTransactionIdIfAny());
}

void signal_revocation() {
    const Oid relation = revocation_marker();
    if (OidIsValid(relation))
        guard([relation] { CacheInvalidateRelcacheByRelid(relation); });
}

} // namespace pg_principal
