// The audit chain: each principal's entries are hashed together with the hash before them.
#pragma once

#include "core/base/uuid.hpp"

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

// What the first entry of a chain is linked to.
std::string chain_genesis(const Uuid &principal_id);

// Domain, version and every field: those of variable size after their length, optional ones after
// a byte that tells whether they are there. So two encodings are equal only if all fields are.
// `out` is replaced and keeps its capacity.
void encode_audit_entry(const AuditEntry &entry, std::string_view previous_hash, std::string &out);
std::string audit_entry_hash(const AuditEntry &entry, std::string_view previous_hash);

// What a seal signs: a digest over the heads that changed since the seal before, in the order of
// their principals, their number, and that seal's digest, hence over all that was ever sealed.
// Each head is hashed with the state before it (empty before the first), so that any number of them
// needs the same little memory.
std::string fold_chain_head(std::string_view state, const Uuid &principal_id, std::int64_t sequence,
                            std::string_view hash);
std::string seal_digest(std::string_view previous_digest, std::string_view state,
                        std::int64_t count);

} // namespace pg_principal
