#include "audit_support.hpp"

#include "core/crypto/crypto.hpp"

#include <limits>
#include <map>
#include <random>
#include <tuple>
#include <vector>

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
    EXPECT_EQ(chain_genesis(principal), genesis);
    EXPECT_EQ(audit_entry_hash(created(), genesis), hash_1);
    EXPECT_EQ(audit_entry_hash(expired(), hash_1), hash_2);
    EXPECT_NE(chain_genesis(id_of(0x31)), genesis);
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

struct Head {
    Uuid principal_id;
    std::int64_t sequence;
    std::string hash;
};

std::string folded(const std::vector<Head> &heads) {
    std::string state;
    for (const Head &head : heads)
        state = fold_chain_head(state, head.principal_id, head.sequence, head.hash);
    return state;
}

Uuid highest() {
    Uuid id;
    id.fill(0xff);
    return id;
}

// Computed apart, with another implementation.
TEST(AuditSeal, Bytes) {
    const std::string one = folded({{principal, 2, hash_2}});
    EXPECT_EQ(hex_encode(one), "31004ea58b83f55e88c6a9927d8326b3a9ae2a9e1c72517296b625ad51fe90ab");
    const std::string two = fold_chain_head(one, highest(), 1, hash_1);
    EXPECT_EQ(hex_encode(two), "a9d30e9c74cc077237a88a2e95d9252b88ecce7d2d02894895c0ec7e4b1ddad1");
    EXPECT_EQ(hex_encode(seal_digest("", "", 0)),
              "37d3f6dfbbfcee151c1c3369660a304c0ddca602a21207735fb743a8c9b158ea");
    const std::string first = seal_digest("", two, 2);
    EXPECT_EQ(hex_encode(first),
              "b7fca8ffd1a7c6be9f4386e064fec3f4d1bb8be1ddbc781eb012787929d27880");
    EXPECT_EQ(hex_encode(seal_digest(first, "", 0)),
              "443434d8154157e19291b5d8d3d95d0e428f12cbf430053a2942cc2e6d6d859c");
}

TEST(AuditSeal, EveryChangeOfAHeadShows) {
    const std::vector<Head> heads = {
        {id_of(1), 5, hash_1}, {id_of(2), 6, hash_2}, {id_of(3), 7, genesis}};
    std::map<std::string, int> seen{{folded(heads), 0}};
    const auto add = [&](const std::vector<Head> &other) {
        EXPECT_TRUE(seen.emplace(folded(other), 1).second);
    };
    for (std::size_t i = 0; i < heads.size(); ++i) {
        std::vector<Head> other = heads;
        other.erase(other.begin() + static_cast<std::ptrdiff_t>(i)); // a chain that is gone
        add(other);
        other = heads;
        --other[i].sequence;
        add(other);
        other = heads;
        other[i].hash[31] = static_cast<char>(other[i].hash[31] ^ 1);
        add(other);
        other = heads;
        other[i].hash.pop_back();
        add(other);
        other = heads;
        other[i].principal_id[15] = static_cast<unsigned char>(other[i].principal_id[15] + 1);
        add(other);
        other = heads;
        other.insert(other.begin() + static_cast<std::ptrdiff_t>(i), heads[i]); // twice
        add(other);
    }
    add({});
    std::vector<Head> more = heads;
    more.push_back({highest(), 0, ""});
    add(more);
    std::vector<Head> swapped = heads;
    std::swap(swapped[0].hash, swapped[1].hash);
    add(swapped);
    std::swap(swapped[0], swapped[1]);
    add(swapped);
    add({heads[1], heads[0], heads[2]}); // the order counts
    // a state can be no head, whatever its bytes
    EXPECT_NE(fold_chain_head(hash_1, principal, 1, hash_2),
              fold_chain_head(hash_2, principal, 1, hash_1));
    EXPECT_NE(fold_chain_head(hash_1 + hash_2, principal, 1, ""),
              fold_chain_head(hash_1, principal, 1, hash_2));
}

TEST(AuditSeal, EveryInputOfADigestMatters) {
    std::map<std::string, int> seen;
    const auto add = [&](std::string_view previous, std::string_view state, std::int64_t count) {
        EXPECT_TRUE(seen.emplace(seal_digest(previous, state, count), 1).second);
    };
    add("", "", 0);
    add("", "", 1);
    add("", "", -1);
    add("", "", std::int64_t{1} << 56);
    add(hash_1, "", 0);
    add("", hash_1, 0);
    add(hash_1, hash_2, 0);
    add(hash_2, hash_1, 0);
    add(hash_1 + hash_2, "", 0);
    add("", hash_1 + hash_2, 0);
    add(hash_1.substr(1), "", 0);
    // no digest is an entry's hash, a head's or a genesis
    EXPECT_NE(seal_digest("", "", 0), fold_chain_head("", Uuid{}, 0, ""));
    EXPECT_NE(seal_digest("", "", 0), audit_entry_hash({}, ""));
    EXPECT_NE(fold_chain_head("", Uuid{}, 0, ""), chain_genesis(Uuid{}));
}

} // namespace
} // namespace pg_principal
