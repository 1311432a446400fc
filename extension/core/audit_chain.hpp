// The audit chain: each principal's entries are hashed together with the hash before them.
#pragma once

#include "core/uuid.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pg_principal {

// One row, as views into it. Nothing here (nullopt) differs from empty.
struct AuditEntry {
    Uuid principal_id{};       // whose chain it is
    std::int64_t sequence = 0; // 1 for the first entry of a chain, no gaps
    std::optional<Uuid> actor_id;
    std::optional<std::string_view> actor_email, subject;
    std::int64_t created_at_us = 0;
    std::string_view changes; // texts are hashed byte by byte: canonical is what the caller stores
    std::optional<std::string_view> reason, metadata, ip, user_agent;
};

// How far a chain has got; of an empty one, sequence 0 and the genesis hash.
struct ChainHead {
    Uuid principal_id{};
    std::int64_t sequence = 0;
    std::string hash; // 32 bytes
};
ChainHead chain_genesis(const Uuid &principal_id);

// Domain, version and every field: those of variable size after their length, optional ones after
// a byte that tells whether they are there. So two encodings are equal only if all fields are.
// `out` is replaced and keeps its capacity.
void encode_audit_entry(const AuditEntry &entry, std::string_view previous_hash, std::string &out);
std::string audit_entry_hash(const AuditEntry &entry, std::string_view previous_hash);

enum class ChainFault : std::uint8_t {
    none,
    other_chain,     // the entry belongs to another principal
    out_of_sequence, // entries are missing, repeated or in another order
    broken_link,     // the stored previous hash is not that of the entry before
    altered          // the entry does not have the stored hash
};
std::string_view describe(ChainFault fault) noexcept;

// Checks one chain, entry by entry in the order of their sequence, from its genesis or from where
// older entries were pruned. At the end compare head() with the head stored apart: a chain that was
// cut off holds as far as it goes.
class ChainCheck {
  public:
    explicit ChainCheck(ChainHead start) : head_(std::move(start)) {}
    // After a fault the head is still the last good entry. What is stored may have any size.
    ChainFault next(const AuditEntry &entry, std::string_view stored_previous_hash,
                    std::string_view stored_hash);
    const ChainHead &head() const noexcept { return head_; }

  private:
    ChainHead head_;
    std::string buffer_;
};

// What a seal signs: a digest over the heads of all chains and their number. Each head is hashed
// with the digest before it, so that any number of them needs the same little memory.
class ChainHeadsDigest {
  public:
    ChainHeadsDigest();
    // In ascending order of principal ids, each once; throws Error(audit_heads_unordered).
    void add(const ChainHead &head);
    std::int64_t count() const noexcept { return count_; }
    std::string digest() const; // of what was added so far

  private:
    std::string state_, buffer_;
    Uuid last_{};
    std::int64_t count_ = 0;
};

} // namespace pg_principal
