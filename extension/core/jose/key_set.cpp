#include "core/jose/key_set.hpp"

#include "core/jose/jwk_internal.hpp"

#include <algorithm>

namespace pg_principal {

namespace {

// What a key's error says without the words that all of them begin with.
std::string reason_of(const Error &error) {
    const std::size_t colon = error.message().find(": ");
    return colon == std::string::npos ? error.message() : error.message().substr(colon + 2);
}

// Anything else, such as an OpenSSL that could not, says nothing of the key.
bool is_the_keys_fault(const Error &error) noexcept {
    return error.code() == Errc::key_malformed || error.code() == Errc::key_refused ||
           error.code() == Errc::secret_refused;
}

constexpr std::array all_algs = [] {
    std::array<Alg, alg_count> algs{};
    for (std::size_t i = 0; i < alg_count; ++i)
        algs[i] = static_cast<Alg>(i);
    return algs;
}();

} // namespace

KeySet::KeySet(std::vector<Key> keys) {
    std::vector<std::string_view> kids;
    for (const Key &key : keys)
        if (!key.kid().empty())
            kids.push_back(key.kid());
    std::sort(kids.begin(), kids.end());
    if (std::adjacent_find(kids.begin(), kids.end()) != kids.end())
        throw Error(Errc::key_set_refused, {"it repeats a kid"});
    for (Key &key : keys) {
        Member member;
        member.kid = key.kid();
        member.kty = key.kty();
        member.curve = key.curve();
        member.alg = key.alg();
        member.key = std::move(key);
        members_.push_back(std::move(member));
    }
}

// As far as the key itself says: a secret may still be too short.
bool KeySet::Member::may_serve(Alg wanted) const noexcept {
    return alg_kty(wanted) == kty && fits_curve(wanted, curve) &&
           is_same_algorithm(alg.value_or(wanted), wanted, curve);
}

bool KeySet::Member::serves_by_name(Alg wanted) const noexcept {
    return alg.value_or(wanted) == wanted && may_serve(wanted);
}

const Key *KeySet::read(Member &member) {
    if (!member.key && member.fault.empty()) {
        try {
            json::Document doc;
            parse_key_text(doc, member.source.view(), key_limits);
            member.key = parse_jwk(doc.root(), Reading::public_half);
        } catch (const Error &error) {
            if (!is_the_keys_fault(error))
                throw;
            member.fault = reason_of(error);
        }
        member.source = Secret();
    }
    return member.key ? &*member.key : nullptr;
}

std::string KeySet::problem(std::size_t index, Checkpoint checkpoint) const {
    const Member &member = members_[index];
    if (read(members_[index]) == nullptr)
        return member.fault;
    for (const Alg alg : all_algs) {
        if (member.kid.empty() || !member.serves_by_name(alg))
            continue;
        const Serving meant = serving(alg, member.kid);
        if (meant.count > 1 && is_ambiguous(alg, member.kid, meant, checkpoint))
            return "another secret of the set has this kid and serves the same algorithm";
    }
    return {};
}

bool KeySet::names(std::string_view kid) const noexcept {
    return !kid.empty() && std::any_of(members_.begin(), members_.end(),
                                       [&](const Member &member) { return member.kid == kid; });
}

KeySet::Serving KeySet::serving(Alg alg, std::string_view kid) const noexcept {
    Serving found;
    for (const Member &member : members_) {
        if (!member.is_outlined || member.kid != kid)
            continue;
        found.by_name += member.serves_by_name(alg);
        found.count += member.may_serve(alg);
    }
    if (found.by_name > 0) // of a key that is published under both names the one that was meant
        found.count = found.by_name;
    return found;
}

// Of public keys with one name each is tried (RFC 7515, appendix D): all are the issuer's. Which of
// two secrets was meant is not guessed; one that is there twice is one.
bool KeySet::is_ambiguous(Alg alg, std::string_view kid, const Serving &meant,
                          Checkpoint checkpoint) const {
    if (alg_kty(alg) != Kty::oct)
        return false;
    const Member *first = nullptr;
    for (Member &member : members_) {
        if (!member.is_outlined || member.kid != kid ||
            !(meant.by_name > 0 ? member.serves_by_name(alg) : member.may_serve(alg)))
            continue;
        checkpoint();
        const Key *key = read(member);
        if (key == nullptr || !key->allows(alg, KeyOperation::verify))
            return true;
        if (member.print.empty())
            member.print = thumbprint(*key);
        if (first != nullptr && first->print != member.print)
            return true;
        first = &member;
    }
    return false;
}

bool KeySet::has_usable_kid(Checkpoint checkpoint) const {
    for (Member &member : members_) {
        if (member.kid.empty())
            continue;
        checkpoint();
        if (read(member))
            return true;
    }
    return false;
}

KeySet::Candidates KeySet::candidates(Alg alg, std::optional<std::string_view> kid,
                                      Checkpoint checkpoint) const {
    Candidates found;
    const bool named = kid && names(*kid);
    if (kid && !named && has_usable_kid(checkpoint)) {
        found.lack = Lack::kid_unknown;
        return found;
    }
    const Serving meant = named ? serving(alg, *kid) : Serving{};
    if (meant.count > 1 && is_ambiguous(alg, *kid, meant, checkpoint)) {
        found.lack = Lack::ambiguous;
        return found;
    }
    bool all_faulty = !members_.empty();
    for (Member &member : members_) {
        if (named && member.kid != *kid)
            continue;
        if (meant.by_name > 0 && member.is_outlined && !member.serves_by_name(alg))
            continue;
        const Key *key = nullptr;
        if (member.fault.empty() && member.may_serve(alg)) {
            checkpoint();
            key = read(member);
        }
        all_faulty &= !member.fault.empty();
        if (key && key->allows(alg, KeyOperation::verify)) {
            if (found.count == max_candidates)
                break;
            found.keys[found.count++] = key;
        } else if (found.reason.empty() && !member.fault.empty() &&
                   (named || (member.is_outlined && member.may_serve(alg)))) {
            found.reason = member.fault;
        }
    }
    if (found.count == 0 && all_faulty && found.reason.empty())
        found.reason = members_.front().fault;
    if (found.count == 0)
        found.lack = members_.empty()       ? Lack::kid_unknown
                     : found.reason.empty() ? Lack::not_for_algorithm
                                            : Lack::unusable;
    return found;
}

std::string_view KeySet::issuer_of(const Key *key) const noexcept {
    for (const Member &member : members_)
        if (member.key && &*member.key == key)
            return member.issuer;
    return {};
}

class KeySetReader {
  public:
    static KeySet read(json::Value set, json::Value keys) {
        if (!keys.is_array())
            throw Error(Errc::key_malformed, {"member \"keys\" is not an array"});
        if (set.find("kty"))
            throw Error(Errc::key_malformed, {"it is a key and a key set at once"});
        check_count(keys.size());
        KeySetReader reader;
        for (const json::Value jwk : keys.elements())
            reader.add(jwk);
        // whoever publishes a secret next to public keys has published it
        for (KeySet::Member &member : reader.set_.members_)
            if (reader.asymmetric_ && member.kty == Kty::oct && member.fault.empty())
                member.fault = "a secret beside public keys is never used";
        return std::move(reader.set_);
    }

    static KeySet read_pems(json::Value pems) {
        check_count(pems.size());
        KeySetReader reader;
        for (const auto &[kid, pem] : pems.members())
            reader.add_pem(kid, pem);
        return std::move(reader.set_);
    }

  private:
    static void check_count(std::size_t keys) {
        if (keys > KeySet::max_keys)
            throw Error(Errc::key_set_too_large,
                        {std::to_string(KeySet::max_keys), "keys", std::to_string(keys)});
    }

    void add_pem(std::string_view kid, json::Value pem) {
        KeySet::Member member;
        member.kid = kid;
        try {
            if (!pem.is_string())
                throw Error(Errc::key_malformed, {"it is no PEM"});
            if (is_kept_reason(pem.as_string()))
                throw Error(Errc::key_refused, {std::string(pem.as_string())});
            member.key = parse_pem(pem.as_string(), Reading::public_half).with_kid(member.kid);
            member.kty = member.key->kty();
            member.curve = member.key->curve();
        } catch (const Error &error) {
            if (!is_the_keys_fault(error))
                throw;
            member.is_outlined = false;
            member.fault = reason_of(error);
        }
        set_.members_.push_back(std::move(member));
    }

    void add(json::Value jwk) {
        KeySet::Member member;
        if (const json::Value kid = jwk.find("kid"); kid.is_string())
            member.kid = kid.as_string();
        if (const json::Value issuer = jwk.find("issuer"); issuer.is_string())
            member.issuer = issuer.as_string();
        const json::Value kty = jwk.find("kty");
        asymmetric_ |= kty.is_string() && kty.as_string() != kty_name(Kty::oct);
        try {
            if (jwk.repeats_a_name())
                throw Error(Errc::key_malformed, {"it has a duplicate member"});
            const JwkOutline outline = outline_of(jwk);
            if (!outline.may_verify)
                throw Error(Errc::key_refused, {"its key_ops do not name \"verify\""});
            member.kty = outline.kty;
            member.curve = outline.curve;
            member.alg = outline.alg;
            std::string text;
            const WipeOnExit wipe_text(text);
            text.reserve(4096);
            json::append_value(text, jwk);
            member.source = Secret(text);
        } catch (const Error &error) {
            member.is_outlined = false;
            member.fault = reason_of(error);
        }
        set_.members_.push_back(std::move(member));
    }

    KeySet set_;
    bool asymmetric_ = false;
};

bool may_be_used(json::Value jwk) {
    try {
        outline_of(jwk);
        return true;
    } catch (const Error &error) {
        if (!is_the_keys_fault(error))
            throw;
        return false;
    }
}

namespace {

bool is_pem_or_kept(std::string_view text) {
    return text.find("-----BEGIN ") != text.npos || is_kept_reason(text);
}

// Of any of its members, so that the others are passed over by name.
bool is_pems_by_kid(json::Value set) {
    if (!set.is_object() || set.find("kty") || set.find("keys"))
        return false;
    for (const json::Member &member : set.members())
        if (member.value.is_string() && is_pem_or_kept(member.value.as_string()))
            return true;
    return false;
}

} // namespace

KeySet parse_jwk_set(json::Value set) {
    if (is_pems_by_kid(set))
        return KeySetReader::read_pems(set);
    if (const json::Value keys = set.find("keys"))
        return KeySetReader::read(set, keys);
    return KeySet({parse_jwk(set, Reading::public_half)});
}

KeySet parse_jwk_set(std::string_view json) {
    json::Document doc;
    parse_key_text(doc, json, key_limits);
    const json::Value set = doc.root();
    if (set.is_object() && !set.find("keys") && !is_pems_by_kid(set) && set.repeats_a_name())
        throw Error(Errc::key_malformed, {"it has a duplicate member"});
    std::size_t keys = 0;
    if (set.is_object())
        for (const json::Member &member : set.members())
            keys += member.name == "keys";
    if (keys > 1)
        throw Error(Errc::key_malformed, {"member \"keys\" is given twice"});
    return parse_jwk_set(set);
}

} // namespace pg_principal
