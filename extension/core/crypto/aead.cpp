#include "core/crypto/openssl.hpp"

#include <climits>

namespace pg_principal {

using namespace openssl;

namespace {

Ptr<EVP_CIPHER_CTX> start(std::string_view key, std::string_view nonce, std::string_view aad,
                          std::size_t text_size, bool encrypting) {
    require(key.size() == aead_key_size && nonce.size() == aead_nonce_size &&
                aad.size() <= INT_MAX && text_size <= INT_MAX - aead_tag_size,
            "encryption parameters");
    const Ptr<EVP_CIPHER> cipher(
        require(EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr), "cipher lookup"));
    Ptr<EVP_CIPHER_CTX> ctx(require_memory(EVP_CIPHER_CTX_new()));
    // the nonce of GCM has 96 bits unless told otherwise
    require(
        EVP_CipherInit_ex2(ctx.get(), cipher.get(), bytes(key), bytes(nonce), encrypting, nullptr),
        "cipher key");
    int size = 0;
    require(EVP_CipherUpdate(ctx.get(), nullptr, &size, bytes(aad), static_cast<int>(aad.size())),
            "cipher input");
    return ctx;
}

} // namespace

std::string aes256_gcm_encrypt(std::string_view key, std::string_view nonce, std::string_view aad,
                               std::string_view plaintext) {
    const CleanQueue queue;
    const auto ctx = start(key, nonce, aad, plaintext.size(), true);
    std::string out(plaintext.size() + aead_tag_size, '\0');
    int size = 0, rest = 0;
    require(EVP_CipherUpdate(ctx.get(), bytes(out.data()), &size, bytes(plaintext),
                             static_cast<int>(plaintext.size())),
            "encryption");
    require(EVP_CipherFinal_ex(ctx.get(), bytes(out.data()) + size, &rest), "encryption");
    require(static_cast<std::size_t>(size + rest) == plaintext.size(), "encryption");
    require(EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_AEAD_GET_TAG, aead_tag_size,
                                out.data() + plaintext.size()),
            "encryption");
    return out;
}

std::optional<Secret> aes256_gcm_decrypt(std::string_view key, std::string_view nonce,
                                         std::string_view aad, std::string_view sealed) {
    const CleanQueue queue;
    if (sealed.size() < aead_tag_size)
        return std::nullopt;
    const std::string_view ciphertext = sealed.substr(0, sealed.size() - aead_tag_size);
    std::string tag(sealed.substr(ciphertext.size()));
    const auto ctx = start(key, nonce, aad, ciphertext.size(), false);
    // one byte more, so that an empty text has a place to be written to
    Secret plain = Secret::of_size(ciphertext.size() + 1);
    int size = 0, rest = 0;
    require(EVP_CipherUpdate(ctx.get(), bytes(plain.data()), &size, bytes(ciphertext),
                             static_cast<int>(ciphertext.size())),
            "decryption");
    require(EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_AEAD_SET_TAG, aead_tag_size, tag.data()),
            "decryption");
    if (EVP_CipherFinal_ex(ctx.get(), bytes(plain.data()) + size, &rest) != 1) {
        check_memory();
        return std::nullopt;
    }
    require(static_cast<std::size_t>(size + rest) == ciphertext.size(), "decryption");
    return Secret(plain.view().substr(0, ciphertext.size()));
}

} // namespace pg_principal
