#include "core/crypto/sealing.hpp"

#include "core/crypto/crypto.hpp"
#include "core/base/error.hpp"

namespace pg_principal {

namespace {

constexpr char version = 1;
constexpr std::size_t id_size = 8;
constexpr std::size_t prefix_size = 1 + id_size; // authenticated along with aad
constexpr std::size_t max_keys = 1000;

std::string key_id(std::string_view key) {
    constexpr std::string_view domain = "pg_principal master key";
    std::string text;
    text.reserve(domain.size() + key.size());
    const WipeOnExit guard(text);
    text.append(domain).append(key);
    return hex_encode(sha256(text).substr(0, id_size));
}

std::string bound_aad(std::string_view prefix, std::string_view aad) {
    return std::string(prefix).append(aad);
}

std::string_view trim(std::string_view line) noexcept {
    constexpr std::string_view space = " \t\r";
    const std::size_t start = line.find_first_not_of(space);
    if (start == line.npos)
        return {};
    return line.substr(start, line.find_last_not_of(space) - start + 1);
}

} // namespace

MasterKeys parse_master_keys(std::string_view file_text, std::string_view file_name) {
    const auto malformed = [&](const std::string &why) {
        return Error(Errc::master_key_malformed, {file_name, why});
    };
    MasterKeys keys;
    for (std::size_t number = 1; !file_text.empty(); ++number) {
        const std::size_t end = file_text.find('\n');
        const std::string_view line = trim(file_text.substr(0, end));
        file_text.remove_prefix(end == file_text.npos ? file_text.size() : end + 1);
        if (line.empty() || line[0] == '#')
            continue;
        std::string bytes;
        const WipeOnExit guard(bytes);
        const bool decoded =
            line.size() == 2 * aead_key_size ? hex_decode(line, bytes) : base64_decode(line, bytes);
        if (!decoded || bytes.size() != aead_key_size)
            throw malformed("line " + std::to_string(number) + " is not a key");
        if (keys.keys_.size() == max_keys)
            throw malformed("it has more than 1000 keys");
        std::string id = key_id(bytes);
        if (keys.has(id))
            throw malformed("line " + std::to_string(number) + " repeats a key");
        keys.keys_.push_back({std::move(id), Secret(bytes)});
    }
    if (keys.empty())
        throw malformed("it contains no key");
    return keys;
}

bool MasterKeys::has(std::string_view id) const noexcept {
    for (const MasterKey &key : keys_)
        if (key.id == id)
            return true;
    return false;
}

std::string MasterKeys::seal(std::string_view plaintext, std::string_view aad) const {
    const MasterKey &key = keys_.at(0);
    std::string blob(1, version), id;
    hex_decode(key.id, id);
    blob += id;
    const std::string nonce = random_bytes(aead_nonce_size);
    const std::string sealed =
        aes256_gcm_encrypt(key.key.view(), nonce, bound_aad(blob, aad), plaintext);
    return blob.append(nonce).append(sealed);
}

Secret MasterKeys::open(std::string_view blob, std::string_view aad, std::string_view name,
                        std::string_view former_aad) const {
    const std::string id = sealed_key_id(blob);
    for (const MasterKey &key : keys_) {
        if (key.id != id)
            continue;
        const auto decrypted = [&](std::string_view bound_to) {
            return aes256_gcm_decrypt(key.key.view(), blob.substr(prefix_size, aead_nonce_size),
                                      bound_aad(blob.substr(0, prefix_size), bound_to),
                                      blob.substr(prefix_size + aead_nonce_size));
        };
        auto plain = decrypted(aad);
        if (!plain && !former_aad.empty())
            plain = decrypted(former_aad);
        if (!plain)
            throw Error(Errc::crypto_failed, {"the sealed data was altered"});
        return std::move(*plain);
    }
    throw Error(Errc::master_key_missing, {name.empty() ? std::string_view(id) : name},
                "It was sealed under the master key with the id " + id + ".");
}

std::string sealed_key_id(std::string_view blob) {
    if (blob.size() < prefix_size + aead_nonce_size + aead_tag_size || blob[0] != version)
        throw Error(Errc::crypto_failed, {"the sealed data was altered or is of another version"});
    return hex_encode(blob.substr(1, id_size));
}

} // namespace pg_principal
