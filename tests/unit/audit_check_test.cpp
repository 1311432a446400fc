#include "audit_support.hpp"

#include <limits>
#include <map>

namespace pg_principal {
namespace {

TEST(ChainCheck, ASoundChainHolds) {
    ChainCheck check(chain_genesis(principal));
    EXPECT_EQ(check.next(created(), genesis, hash_1), ChainFault::none);
    EXPECT_EQ(check.next(expired(), hash_1, hash_2), ChainFault::none);
    EXPECT_EQ(check.head().sequence, 2);
    EXPECT_EQ(check.head().hash, hash_2);
    ChainCheck pruned({principal, 1, hash_1}); // goes on where older entries were
    EXPECT_EQ(pruned.next(expired(), hash_1, hash_2), ChainFault::none);
    EXPECT_EQ(pruned.head().hash, hash_2);
}

TEST(ChainCheck, EveryFaultIsNamedAndTheHeadStays) {
    ChainCheck check(chain_genesis(principal));
    ASSERT_EQ(check.next(created(), genesis, hash_1), ChainFault::none);
    const auto expect = [&](ChainFault fault, const AuditEntry &entry, std::string_view previous,
                            std::string_view hash) {
        EXPECT_EQ(check.next(entry, previous, hash), fault) << describe(fault);
        EXPECT_EQ(check.head().sequence, 1);
        EXPECT_EQ(check.head().hash, hash_1);
    };
    const auto numbered = [](std::int64_t sequence) {
        AuditEntry entry = expired();
        entry.sequence = sequence;
        return entry;
    };
    AuditEntry foreign = expired();
    foreign.principal_id = id_of(0x31);
    expect(ChainFault::other_chain, foreign, hash_1, audit_entry_hash(foreign, hash_1));
    for (const std::int64_t sequence :
         {std::numeric_limits<std::int64_t>::min(), std::int64_t{-1}, std::int64_t{0},
          std::int64_t{1}, std::int64_t{3}, std::numeric_limits<std::int64_t>::max()})
        expect(ChainFault::out_of_sequence, numbered(sequence), hash_1,
               audit_entry_hash(numbered(sequence), hash_1));
    for (const std::string &previous :
         {std::string(), genesis, hash_1.substr(1), hash_1 + 'x', std::string(32, '\0')})
        expect(ChainFault::broken_link, expired(), previous, audit_entry_hash(expired(), previous));
    for (const std::string &hash : {std::string(), hash_1, hash_2.substr(1), hash_2 + 'x'})
        expect(ChainFault::altered, expired(), hash_1, hash);
    AuditEntry altered = expired();
    altered.reason = "banned";
    expect(ChainFault::altered, altered, hash_1, hash_2);
    EXPECT_EQ(check.next(expired(), hash_1, hash_2), ChainFault::none);
}

TEST(ChainCheck, AChainAtTheLastNumberEnds) {
    constexpr std::int64_t last = std::numeric_limits<std::int64_t>::max();
    ChainCheck check({principal, last, hash_1});
    AuditEntry entry = expired();
    for (const std::int64_t sequence : {last, std::numeric_limits<std::int64_t>::min()}) {
        entry.sequence = sequence;
        EXPECT_EQ(check.next(entry, hash_1, audit_entry_hash(entry, hash_1)),
                  ChainFault::out_of_sequence);
    }
}

TEST(ChainCheck, FaultsHaveTexts) {
    std::map<std::string_view, ChainFault> texts;
    for (const ChainFault fault :
         {ChainFault::none, ChainFault::other_chain, ChainFault::out_of_sequence,
          ChainFault::broken_link, ChainFault::altered}) {
        EXPECT_FALSE(describe(fault).empty());
        EXPECT_TRUE(texts.emplace(describe(fault), fault).second);
    }
}

std::string digest_of(const std::vector<ChainHead> &heads) {
    ChainHeadsDigest digest;
    for (const ChainHead &head : heads)
        digest.add(head);
    EXPECT_EQ(digest.count(), static_cast<std::int64_t>(heads.size()));
    return hex_encode(digest.digest());
}

const Uuid highest = [] {
    Uuid id;
    id.fill(0xff);
    return id;
}();

TEST(ChainHeadsDigest, Bytes) {
    EXPECT_EQ(digest_of({}), "9d8f558bd8e9863eed9fef078dca2897f4587309834f9dbe938992d3c9dcdc76");
    EXPECT_EQ(digest_of({{principal, 2, hash_2}}),
              "55116cdbfb136a954e0f5cff5da5f08fe738667fb898a99a35d57a0af7a8c86d");
    ChainHeadsDigest digest;
    digest.add({principal, 2, hash_2});
    EXPECT_EQ(digest.digest(), digest.digest()); // looking does not change it
    digest.add({highest, 1, hash_1});            // 0xff comes after 0x30: bytes are unsigned
    EXPECT_EQ(hex_encode(digest.digest()),
              "c698256065f958ce6401832422ce549d7036bb61efea739b429950be049dba25");
}

TEST(ChainHeadsDigest, EveryChangeShows) {
    const std::vector<ChainHead> heads = {
        {id_of(1), 5, hash_1}, {id_of(2), 6, hash_2}, {id_of(3), 7, genesis}};
    std::map<std::string, int> seen{{digest_of(heads), 0}};
    const auto add = [&](const std::vector<ChainHead> &other) {
        EXPECT_TRUE(seen.emplace(digest_of(other), 1).second);
    };
    for (std::size_t i = 0; i < heads.size(); ++i) {
        std::vector<ChainHead> other = heads;
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
    }
    add({});
    std::vector<ChainHead> more = heads;
    more.push_back({highest, 0, ""});
    add(more);
    std::vector<ChainHead> swapped = heads;
    std::swap(swapped[0].hash, swapped[1].hash);
    add(swapped);
}

TEST(ChainHeadsDigest, OrderIsEnforced) {
    for (const Uuid &id : {id_of(1), id_of(2), Uuid{}}) {
        ChainHeadsDigest digest;
        digest.add({id_of(2), 1, hash_1});
        const std::string before = digest.digest();
        EXPECT_EQ(error_of(Errc::audit_heads_unordered,
                           [&] {
                               digest.add({id, 1, hash_1});
                           }),
                  "chain heads are not in the order of their principals");
        EXPECT_EQ(digest.digest(), before);
        EXPECT_EQ(digest.count(), 1);
    }
    ChainHeadsDigest digest;
    digest.add({Uuid{}, 1, hash_1}); // the lowest id can come first
    EXPECT_EQ(digest.count(), 1);
}

} // namespace
} // namespace pg_principal
