#include "core/audit_chain.hpp"

#include "core/bytes.hpp"
#include "core/crypto.hpp"
#include "core/error.hpp"

#include <limits>

namespace pg_principal {

namespace {

using namespace std::string_view_literals;

constexpr char version = 1;

// The last character, NUL, keeps any of them from being the start of another.
constexpr std::string_view genesis_domain = "pg_principal audit genesis\0"sv;
constexpr std::string_view entry_domain = "pg_principal audit entry\0"sv;
constexpr std::string_view heads_domain = "pg_principal audit heads\0"sv;
constexpr std::string_view head_domain = "pg_principal audit head\0"sv;
constexpr std::string_view digest_domain = "pg_principal audit digest\0"sv;

void begin(std::string &out, std::string_view domain) {
    out.clear();
    out.append(domain).append(1, version);
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

ChainHead chain_genesis(const Uuid &principal_id) {
    std::string bytes;
    begin(bytes, genesis_domain);
    return {principal_id, 0, sha256(bytes.append(bytes_of(principal_id)))};
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

std::string_view describe(ChainFault fault) noexcept {
    switch (fault) {
    case ChainFault::none:
        return "sound";
    case ChainFault::other_chain:
        return "of another chain";
    case ChainFault::out_of_sequence:
        return "out of sequence";
    case ChainFault::broken_link:
        return "not linked to the entry before";
    case ChainFault::altered:
        return "altered";
    }
    return "";
}

ChainFault ChainCheck::next(const AuditEntry &entry, std::string_view stored_previous_hash,
                            std::string_view stored_hash) {
    if (entry.principal_id != head_.principal_id)
        return ChainFault::other_chain;
    if (head_.sequence == std::numeric_limits<std::int64_t>::max() ||
        entry.sequence != head_.sequence + 1)
        return ChainFault::out_of_sequence;
    if (stored_previous_hash != head_.hash)
        return ChainFault::broken_link;
    encode_audit_entry(entry, head_.hash, buffer_);
    std::string hash = sha256(buffer_);
    if (stored_hash != hash)
        return ChainFault::altered;
    head_.sequence = entry.sequence;
    head_.hash = std::move(hash);
    return ChainFault::none;
}

ChainHeadsDigest::ChainHeadsDigest() {
    begin(buffer_, heads_domain);
    state_ = sha256(buffer_);
}

void ChainHeadsDigest::add(const ChainHead &head) {
    if (count_ > 0 && head.principal_id <= last_)
        throw Error(Errc::audit_heads_unordered);
    begin(buffer_, head_domain);
    buffer_.append(state_).append(bytes_of(head.principal_id));
    put_number(buffer_, head.sequence);
    put_text(buffer_, head.hash);
    state_ = sha256(buffer_);
    last_ = head.principal_id;
    ++count_;
}

std::string ChainHeadsDigest::digest() const {
    std::string bytes;
    begin(bytes, digest_domain);
    bytes += state_;
    put_number(bytes, count_);
    return sha256(bytes);
}

} // namespace pg_principal
