// The signals that something may have changed which a token lives by: how they are sent, how they
// are heard, and how whoever keeps what it has read asks whether it may still believe it.
#pragma once

#include <cstdint>
#include <string_view>

namespace pg_principal {

// What a signal is about: one session, principal or grant (by the bytes of its uuid), one key (by
// its kid or its name). A grant is what a delegated token was got by, the client it was got for, or
// the secret, key or rule that a client's token was got with.
enum class Subject : std::uint32_t { session, principal, key, grant };

// The number that stands for one of them in a signal: a "relation" that no server has.
using SignalId = std::uint32_t;
SignalId signal_id(Subject subject, std::string_view id) noexcept;

// Changes when what the caller is may have changed: with every signal, every assignment of a
// setting that tokens are judged by, and the end of a transaction that had seen its own rows.
extern std::uint64_t identity_epoch;
// Changes when another token is bound.
extern std::uint64_t binding_epoch;
// Changes when everything that was read or verified is forgotten.
extern std::uint64_t everything_epoch;

// What this backend has done because it could not believe what it kept: tests read it.
struct WorkDone {
    std::uint64_t signatures, judgements, keys;
};
extern WorkDone work_done;

void forget_everything() noexcept;
void forget_binding() noexcept;
// Who else wants to know that another token is bound, or none.
extern void (*on_binding_changed)() noexcept;

// Called once when the library is loaded.
void watch_revocations();
// Hears what other backends have committed. Call it before answering from what is kept.
void accept_revocations();

// The time, in signals, at which something was read, to be asked later whether it may have changed.
class Since {
  public:
    Since() = default; // never
    // Call it before the first read.
    static Since now();
    // Nothing was forgotten altogether, and no rows of a transaction were read that rolled back.
    bool holds() const noexcept;
    // And none of these was signalled.
    bool holds_for(SignalId id) const noexcept;
    // And no key whatsoever.
    bool holds_for_all_keys() const noexcept;

  private:
    std::uint64_t clock_ = 0;
    std::uint64_t own_transaction_ = 0; // its number; 0: it had written nothing
};

// Sends a signal with the current transaction: at its commit, never when it rolls back. One that
// changes many sends one for everything instead.
void signal_change(SignalId id);
void signal_everything();

} // namespace pg_principal
