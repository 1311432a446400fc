#include "pgjwt/hmac.hpp"

#include "pg/bridge/bridge.hpp"

#include <list>

namespace pg_principal::pgjwt {

namespace {

constexpr std::size_t max_kept = 8;
constexpr std::size_t max_kept_size = 4096; // a longer secret is keyed anew each time

// The most recently used first: keying costs more than hashing. Given up ones are wiped.
std::list<HmacKey> &kept_keys() {
    static auto *const keys = new std::list<HmacKey>; // never destroyed
    return *keys;
}

HmacKey &kept_key(std::string_view secret) {
    std::list<HmacKey> &keys = kept_keys();
    for (auto key = keys.begin(); key != keys.end(); ++key)
        // another role may have put it there: the time tells nothing of it
        if (constant_time_equal(key->secret(), secret)) {
            keys.splice(keys.begin(), keys, key);
            return keys.front();
        }
    keys.emplace_front(secret);
    if (keys.size() > max_kept)
        keys.pop_back();
    return keys.front();
}

} // namespace

Hash require_hash(std::string_view algorithm) {
    if (algorithm == "HS256")
        return Hash::sha256;
    if (algorithm == "HS384")
        return Hash::sha384;
    if (algorithm == "HS512")
        return Hash::sha512;
    guard([] {
        // word for word what callers may match; the name is empty there too
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("Cannot use \"%s\": %s", "", "No such hash algorithm")));
    });
    return Hash::none;
}

std::string signature(Hash hash, std::string_view secret, std::string_view message) {
    std::array<char, 64> mac;
    if (secret.size() <= max_kept_size)
        return base64url_encode(kept_key(secret).sign(hash, message, mac));
    return base64url_encode(HmacKey(secret).sign(hash, message, mac));
}

} // namespace pg_principal::pgjwt
