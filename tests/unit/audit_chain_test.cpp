#include "audit_support.hpp"

#include "core/crypto.hpp"

#include <limits>
#include <map>
#include <random>
#include <tuple>

namespace pg_principal {
namespace {

TEST(AuditChain, BytesOfAnEntry) {
    std::string bytes = "what was here before";
    encode_audit_entry(expired(), "previous", bytes);
    EXPECT_EQ(hex_encode(bytes),
              hex_encode(std::string("pg_principal audit entry\0\1", 26)) + // domain, version
                  "0000000000000008" + hex_encode("previous") +
                  "303132333435363738393a3b3c3d3e3f" // principal
                  "0000000000000002"                 // sequence
                  "ffffffffffffffff"                 // time
                  "00"
                  "00"
                  "00" // no actor, email, subject
                  "0000000000000002" +
                  hex_encode("{}") + // changes
                  "01"
                  "0000000000000007" +
                  hex_encode("expired") + // reason
                  "00"
                  "00" // no metadata, no address
                  "01"
                  "0000000000000004" +
                  hex_encode("curl")); // user agent
}

TEST(AuditChain, HashesOfAChain) {
    const ChainHead head = chain_genesis(principal);
    EXPECT_EQ(head.principal_id, principal);
    EXPECT_EQ(head.sequence, 0);
    EXPECT_EQ(head.hash, genesis);
    EXPECT_EQ(audit_entry_hash(created(), genesis), hash_1);
    EXPECT_EQ(audit_entry_hash(expired(), hash_1), hash_2);
    EXPECT_NE(chain_genesis(id_of(0x31)).hash, genesis);
}

// An entry that owns its texts.
struct Owned {
    std::string previous;
    Uuid principal_id{};
    std::int64_t sequence = 0, created_at_us = 0;
    std::optional<Uuid> actor_id;
    std::optional<std::string> actor_email, subject;
    std::string changes;
    std::optional<std::string> reason, metadata, ip, user_agent;

    auto fields() const {
        return std::tie(previous, principal_id, sequence, created_at_us, actor_id, actor_email,
                        subject, changes, reason, metadata, ip, user_agent);
    }
    std::string encoding() const {
        AuditEntry entry;
        entry.principal_id = principal_id;
        entry.sequence = sequence;
        entry.created_at_us = created_at_us;
        entry.actor_id = actor_id;
        entry.actor_email = actor_email;
        entry.subject = subject;
        entry.changes = changes;
        entry.reason = reason;
        entry.metadata = metadata;
        entry.ip = ip;
        entry.user_agent = user_agent;
        std::string out;
        encode_audit_entry(entry, previous, out);
        EXPECT_EQ(audit_entry_hash(entry, previous), sha256(out));
        return out;
    }
};

// Reads an encoding back: what can be read back from the bytes alone cannot encode two entries.
class Decoder {
  public:
    explicit Decoder(std::string_view bytes) : rest_(bytes) {}
    Owned decode() {
        Owned entry;
        take(26);
        entry.previous = text();
        entry.principal_id = uuid_from(take(16).data());
        entry.sequence = static_cast<std::int64_t>(number());
        entry.created_at_us = static_cast<std::int64_t>(number());
        if (take(1)[0])
            entry.actor_id = uuid_from(take(16).data());
        entry.actor_email = optional_text();
        entry.subject = optional_text();
        entry.changes = text();
        entry.reason = optional_text();
        entry.metadata = optional_text();
        entry.ip = optional_text();
        entry.user_agent = optional_text();
        EXPECT_TRUE(rest_.empty());
        return entry;
    }

  private:
    std::string take(std::size_t size) {
        EXPECT_LE(size, rest_.size());
        std::string out(rest_.substr(0, size));
        rest_.remove_prefix(std::min(size, rest_.size()));
        out.resize(size);
        return out;
    }
    std::uint64_t number() {
        std::uint64_t value = 0;
        for (const char c : take(8))
            value = value << 8 | static_cast<unsigned char>(c);
        return value;
    }
    std::string text() { return take(std::min<std::size_t>(number(), rest_.size())); }
    std::optional<std::string> optional_text() {
        if (take(1)[0])
            return text();
        return std::nullopt;
    }
    std::string_view rest_;
};

class Random {
  public:
    Owned entry() {
        Owned out;
        out.previous = text();
        out.principal_id = id_of(below(3));
        out.sequence = number();
        out.created_at_us = number();
        if (below(2))
            out.actor_id = id_of(below(3));
        out.actor_email = optional_text();
        out.subject = optional_text();
        out.changes = text();
        out.reason = optional_text();
        out.metadata = optional_text();
        out.ip = optional_text();
        out.user_agent = optional_text();
        return out;
    }

  private:
    int below(int limit) { return static_cast<int>(engine_() % static_cast<unsigned>(limit)); }
    // few texts, full of what could be taken for a length or a mark, so that entries come close
    std::string text() {
        std::string out;
        for (int i = below(4); i > 0; --i)
            out += std::string_view("\0\1\2a", 4)[static_cast<std::size_t>(below(4))];
        return below(8) ? out : out + std::string(8, '\0') + out;
    }
    std::optional<std::string> optional_text() {
        if (below(3) == 0)
            return std::nullopt;
        return text();
    }
    std::int64_t number() {
        constexpr std::int64_t numbers[] = {0,
                                            1,
                                            -1,
                                            256,
                                            std::numeric_limits<std::int64_t>::max(),
                                            std::numeric_limits<std::int64_t>::min()};
        return numbers[below(6)];
    }
    std::mt19937 engine_{20240229};
};

TEST(AuditChain, EveryEncodingReadsBackToItsEntry) {
    Random random;
    std::map<std::string, Owned> seen;
    for (int i = 0; i < 20000; ++i) {
        const Owned entry = random.entry();
        const std::string bytes = entry.encoding();
        ASSERT_TRUE(Decoder(bytes).decode().fields() == entry.fields()) << hex_encode(bytes);
        const auto [other, is_new] = seen.emplace(bytes, entry);
        ASSERT_TRUE(is_new || other->second.fields() == entry.fields());
    }
    EXPECT_GT(seen.size(), 19000u);
}

TEST(AuditChain, NothingIsNotEmptyAndFieldsDoNotRunTogether) {
    std::map<std::string, int> hashes;
    int variants = 0;
    const auto add = [&](auto &&change) {
        AuditEntry entry;
        change(entry);
        EXPECT_TRUE(hashes.emplace(audit_entry_hash(entry, genesis), ++variants).second)
            << "as variant " << hashes[audit_entry_hash(entry, genesis)];
    };
    add([](AuditEntry &) {});
    add([](AuditEntry &e) { e.actor_id = Uuid{}; });
    for (const auto field : {&AuditEntry::actor_email, &AuditEntry::subject, &AuditEntry::reason,
                             &AuditEntry::metadata, &AuditEntry::ip, &AuditEntry::user_agent})
        for (const std::string_view text : {"", "a", "ab"})
            add([&](AuditEntry &e) { e.*field = text; });
    add([](AuditEntry &e) { e.changes = "a"; });
    add([](AuditEntry &e) { e.sequence = 1; });
    add([](AuditEntry &e) { e.created_at_us = 1; });
    add([](AuditEntry &e) { e.principal_id = id_of(1); });
    add([](AuditEntry &e) { e.reason = "a", e.metadata = "b"; });
    add([](AuditEntry &e) { e.reason = "ab", e.metadata = ""; });
    add([](AuditEntry &e) { e.reason = "", e.metadata = "ab"; });
    EXPECT_NE(audit_entry_hash({}, genesis), audit_entry_hash({}, hash_1));
    EXPECT_NE(audit_entry_hash({}, ""), audit_entry_hash({}, genesis));
}

} // namespace
} // namespace pg_principal
