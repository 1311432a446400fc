// The signal that a token may have died: how it is heard, and what it makes every cache forget.
#pragma once

#include <cstdint>

namespace pg_principal {

// Changes when anything proved or read before may no longer hold: a revocation was signalled, a
// setting that tokens are judged by was assigned, a transaction that had seen its own rows rolled
// back. Whoever caches compares it.
extern std::uint64_t proof_epoch;
// Changes with proof_epoch and when another token is bound.
extern std::uint64_t identity_epoch;

void forget_proofs() noexcept;
void forget_binding() noexcept;

// Called once when the library is loaded.
void watch_revocations();
// Hears what other backends have committed. Call it before answering from a cache.
void accept_revocations();
// Call it before reading what is to be cached: from then on the marker's signals count.
void find_marker();
// What is cached now may rest on rows of the current transaction: a rollback forgets it.
void note_own_transaction() noexcept;
// Sends the signal with the current transaction: at its commit, never when it rolls back.
void signal_revocation();

} // namespace pg_principal
