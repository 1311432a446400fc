// Private keys at rest: AES-256-GCM under a master key that the database does not hold.
#pragma once

#include "core/base/bytes.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace pg_principal {

class MasterKeys {
  public:
    bool empty() const noexcept { return keys_.empty(); }
    std::size_t size() const noexcept { return keys_.size(); }
    const std::string &sealing_key_id() const noexcept { return keys_.front().id; }
    bool has(std::string_view id) const noexcept;

    // Under the first key: version, key id, nonce, ciphertext, tag. There must be a key.
    std::string seal(std::string_view plaintext, std::string_view aad) const;
    // Throws Error(master_key_missing, {name}) when the key is not here and Error(crypto_failed)
    // when the blob or aad was altered. The name is that of what was sealed, for the message;
    // former_aad what an earlier version has sealed the same with, if it was something else.
    Secret open(std::string_view blob, std::string_view aad, std::string_view name = {},
                std::string_view former_aad = {}) const;

  private:
    friend MasterKeys parse_master_keys(std::string_view file_text, std::string_view file_name);
    struct MasterKey {
        std::string id; // 16 hexadecimal digits
        Secret key;
    };
    std::vector<MasterKey> keys_;
};

// One key per line, 64 hexadecimal digits or base64 of 32 bytes; blank lines and # comments are
// skipped. The first key seals, all of them open. Throws Error(master_key_malformed).
MasterKeys parse_master_keys(std::string_view file_text, std::string_view file_name);

// Which master key a blob was sealed under; throws Error(crypto_failed) when it is no such blob.
std::string sealed_key_id(std::string_view blob);

} // namespace pg_principal
