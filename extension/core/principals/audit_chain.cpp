#include "core/principals/audit_chain.hpp"

#include <cstdint>

#include "core/base/bytes.hpp"
#include "core/crypto/crypto.hpp"
#include "core/base/error.hpp"

namespace pg_principal {

namespace {

using namespace std::string_view_literals;

constexpr char chain_version = 1;

// The last character, NUL, keeps any of them from being the start of another.
constexpr std::string_view genesis_domain = "pg_principal audit genesis\0"sv;
constexpr std::string_view entry_domain = "pg_principal audit entry\0"sv;
constexpr std::string_view head_domain = "pg_principal audit head\0"sv;
constexpr std::string_view seal_domain = "pg_principal audit seal\0"sv;

void begin(std::string &out, std::string_view domain) {
    out.clear();
    out.append(domain).append(1, chain_version);
}

void put_number(std::string &out, std::uint64_t number) {
    for (int shift = 56; shift >= 0; shift -= 8)
        out += static_cast<char>(number >> shift & 0xff);
}

void put_number(std::string &out, std::int64_t number) {
    put_number(out, static_cast<std::uint64_t>(number));
}

void put_text(std::string &out, std::string_view text) {
    put_number(out, std::uint64_t{text.size()});
    out += text;
}

void put_optional(std::string &out, const std::optional<std::string_view> &text) {
    out += text ? '\1' : '\0';
    if (text)
        put_text(out, *text);
}

} // namespace

std::string chain_genesis(const Uuid &principal_id) {
    std::string bytes;
    begin(bytes, genesis_domain);
    return sha256(bytes.append(bytes_of(principal_id)));
}

void encode_audit_entry(const AuditEntry &entry, std::string_view previous_hash, std::string &out) {
    begin(out, entry_domain);
    put_text(out, previous_hash);
    out += bytes_of(entry.principal_id);
    put_number(out, entry.sequence);
    put_number(out, entry.created_at_us);
    out += entry.actor_id ? '\1' : '\0';
    if (entry.actor_id)
        out += bytes_of(*entry.actor_id);
    put_optional(out, entry.actor_email);
    put_optional(out, entry.subject);
    put_text(out, entry.changes);
    put_optional(out, entry.reason);
    put_optional(out, entry.metadata);
    put_optional(out, entry.ip);
    put_optional(out, entry.user_agent);
}

std::string audit_entry_hash(const AuditEntry &entry, std::string_view previous_hash) {
    std::string bytes;
    encode_audit_entry(entry, previous_hash, bytes);
    return sha256(bytes);
}

std::string fold_chain_head(std::string_view state, const Uuid &principal_id, std::int64_t sequence,
                            std::string_view hash) {
    std::string bytes;
    begin(bytes, head_domain);
    put_text(bytes, state);
    bytes += bytes_of(principal_id);
    put_number(bytes, sequence);
    put_text(bytes, hash);
    return sha256(bytes);
}

std::string seal_digest(std::string_view previous_digest, std::string_view state,
                        std::int64_t count) {
    std::string bytes;
    begin(bytes, seal_domain);
    put_text(bytes, previous_digest);
    put_text(bytes, state);
    put_number(bytes, count);
    return sha256(bytes);
}

} // namespace pg_principal
