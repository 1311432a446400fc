#include "pg/keys/keyring.hpp"

#include "core/base/error.hpp"
#include "core/jose/jwt.hpp"
#include "core/crypto/sealing.hpp"
#include "pg/tables/revocation.hpp"
#include "pg/settings.hpp"
#include "pg/tables/store.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <optional>

namespace pg_principal {

namespace {

struct StoredKey {
    std::string kid;
    bool in_use;
    bool revoked;
    bool sealed;
    Secret material;
    std::optional<Key> key; // once opened
};

struct Ring {
    std::vector<StoredKey> keys;
    std::uint64_t epoch = 0; // proof_epoch before they were read
};

Ring &ring() {
    static Ring *const keys = new Ring; // never destroyed: a backend's exit runs none of ours
    return *keys;
}

constexpr std::size_t max_master_key_file = 64 * 1024;

struct FileDescriptor {
    int fd;
    explicit FileDescriptor(const char *path)
        : fd(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) /* a FIFO would wait */) {}
    ~FileDescriptor() {
        if (fd >= 0)
            close(fd);
    }
};

Secret read_master_key_file(const std::string &path) {
    const auto unreadable = [&path](std::string_view why) {
        return Error(Errc::master_key_file_unreadable, {path, why});
    };
    FileDescriptor file(path.c_str());
    struct stat status {};
    if (file.fd < 0 || fstat(file.fd, &status) != 0)
        throw unreadable(std::strerror(errno));
    if (!S_ISREG(status.st_mode))
        throw unreadable("it is no regular file");
    if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        throw Error(Errc::master_key_file_permissions, {path});
    Secret text = Secret::of_size(max_master_key_file);
    std::size_t length = 0;
    while (length < text.size()) {
        const ssize_t n = read(file.fd, text.data() + length, text.size() - length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            throw unreadable(std::strerror(errno));
        if (n == 0)
            return Secret(text.view().substr(0, length));
        length += static_cast<std::size_t>(n);
    }
    throw unreadable("it is larger than 64 kB");
}

MasterKeys master_keys() {
    const std::string path(settings::master_key_file());
    if (path.empty())
        return {};
    return parse_master_keys(read_master_key_file(path).view(), path);
}

// Bound to its row: a blob moved to another row does not open.
std::string additional_data(std::string_view kid) {
    return "pg_principal signing key " + std::string(kid);
}

struct ServerKey {
    Secret key;
    std::uint64_t epoch = 0;
};

struct RawKey {
    SigningKeyRow row;
    RawKey *next;
};

std::vector<StoredKey> &stored_keys() {
    Ring &kept = ring();
    if (kept.epoch == proof_epoch)
        return kept.keys;
    kept.epoch = 0;
    kept.keys.clear();
    find_marker();
    const std::uint64_t epoch = proof_epoch;
    RawKey *rows = nullptr;
    read_signing_keys(
        [](const SigningKeyRow &row, void *argument) {
            auto **list = static_cast<RawKey **>(argument);
            auto *raw = static_cast<RawKey *>(palloc(sizeof(RawKey)));
            *raw = RawKey{row, *list};
            const Size size = VARSIZE_ANY(row.material);
            raw->row.material = static_cast<bytea *>(palloc(size));
            std::memcpy(raw->row.material, row.material, size);
            *list = raw;
        },
        &rows);
    for (RawKey *raw = rows; raw != nullptr; raw = raw->next) {
        const std::string_view material = view_of(raw->row.material);
        const std::string_view state = raw->row.state;
        kept.keys.push_back({std::string(to_utf8(raw->row.kid)), state == "in_use",
                             state == "revoked", raw->row.sealed, Secret(material), std::nullopt});
        wipe(raw->row.material, VARSIZE_ANY(raw->row.material));
    }
    note_own_transaction();
    kept.epoch = epoch; // signalled meanwhile: read again next time
    return kept.keys;
}

const Key &opened(StoredKey &stored) {
    if (!stored.key) {
        const Secret jwk = open_material(stored.material.view(), stored.sealed, stored.kid);
        stored.key = parse_jwk(jwk.view(), Reading::stored).with_kid(stored.kid);
    }
    return *stored.key;
}

} // namespace

VerificationKey verification_key(std::string_view kid) {
    for (StoredKey &stored : stored_keys())
        if (stored.kid == kid)
            return stored.revoked ? VerificationKey{KeyStanding::revoked, nullptr}
                                  : VerificationKey{KeyStanding::verifies, &opened(stored)};
    return {KeyStanding::unknown, nullptr};
}

bool any_key_verifies(const CompactJws &jws) {
    for (StoredKey &stored : stored_keys())
        if (!stored.revoked && verify(jws, opened(stored)) == TokenFault::none)
            return true;
    return false;
}

const Key &signing_key() {
    accept_revocations();
    for (StoredKey &stored : stored_keys())
        if (stored.in_use)
            return opened(stored);
    throw Error(Errc::token_not_signed);
}

std::string sign_claims(std::string_view claims) {
    std::string token = jwt_sign(claims, signing_key());
    if (token.size() > max_token_bytes)
        throw Error(Errc::token_too_long,
                    {std::to_string(token.size()), std::to_string(max_token_bytes)});
    return token;
}

std::string_view refresh_token_key() {
    static auto *const kept = new ServerKey; // never destroyed, as the ring
    accept_revocations();
    if (kept->epoch == proof_epoch)
        return kept->key.view();
    kept->epoch = 0;
    find_marker();
    const std::uint64_t epoch = proof_epoch;
    const ServerKeyRow row = read_server_key(refresh_token_key_name);
    if (!row.found)
        throw Error(Errc::server_key_missing, {refresh_token_key_name});
    kept->key = open_material(view_of(row.material), row.sealed,
                              std::string(server_key_prefix) + refresh_token_key_name);
    wipe(row.material, VARSIZE_ANY(row.material));
    note_own_transaction();
    kept->epoch = epoch;
    return kept->key.view();
}

StoredMaterial store_material(std::string_view plain, std::string_view name) {
    const MasterKeys keys = master_keys();
    if (keys.empty())
        return {std::string(plain), {}};
    return {keys.seal(plain, additional_data(name)), keys.sealing_key_id()};
}

Secret open_material(std::string_view bytes, bool sealed, std::string_view name) {
    if (!sealed)
        return Secret(bytes);
    const bool is_kid = name.substr(0, server_key_prefix.size()) != server_key_prefix;
    return master_keys().open(bytes, additional_data(name),
                              is_kid ? "signing key " + std::string(name) : std::string(name));
}

} // namespace pg_principal
