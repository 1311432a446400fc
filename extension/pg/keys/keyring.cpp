#include "pg/keys/keyring.hpp"

#include "core/base/error.hpp"
#include "core/jose/jwt.hpp"
#include "core/crypto/sealing.hpp"
#include "pg/settings.hpp"
#include "pg/tables/store.hpp"

extern "C" {
#include "mb/pg_wchar.h"
}

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <list>
#include <optional>

namespace pg_principal {

namespace {

struct StoredKey {
    std::string kid;
    SignalId signal = 0;
    Since since; // of the row
    bool revoked = false;
    bool sealed = false;
    Secret material; // as stored
    std::uint64_t edition = 0;
    std::optional<Key> verifier, signer; // once prepared
};

struct Ring {
    std::list<StoredKey> keys; // those that were asked for
    std::uint64_t epoch = 0;   // everything_epoch: another master key file, say
    std::uint64_t last_edition = 0;
    std::string in_use; // the kid of the key that signs; empty: none does
    Since in_use_since;
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
        throw unreadable("it is not a regular file");
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

std::string described(KeyKind kind, std::string_view name) {
    return (kind == KeyKind::signing ? "signing key " : "server key ") + std::string(name);
}

// Bound to its row: a blob moved to another row or table does not open.
std::string additional_data(KeyKind kind, std::string_view name) {
    return "pg_principal " + described(kind, name);
}

struct ServerKey {
    Secret key;
    Since since;
};

// The kids of all keys in the server's encoding, as they are stored, and of the one in use.
struct Heads {
    struct Head {
        const char *kid;
        Head *next;
    };
    Head *first;
    const char *in_use;
};

Heads key_heads() {
    Heads heads{};
    read_signing_keys(
        [](const SigningKeyRow &row, void *argument) {
            auto *found = static_cast<Heads *>(argument);
            auto *head = static_cast<Heads::Head *>(palloc(sizeof(Heads::Head)));
            *head = {pstrdup(row.kid), found->first};
            found->first = head;
            if (std::strcmp(row.state, "in_use") == 0)
                found->in_use = head->kid;
        },
        &heads);
    return heads;
}

// As it is stored; a kid that the server's encoding cannot write is looked for, not an error.
std::string stored_kid(std::string_view kid) {
    const bool is_ascii =
        std::all_of(kid.begin(), kid.end(), [](char c) { return (c & 0x80) == 0; });
    if (is_ascii || GetDatabaseEncoding() == PG_UTF8)
        return std::string(kid);
    const Heads heads = key_heads();
    for (const Heads::Head *head = heads.first; head != nullptr; head = head->next)
        if (to_utf8(head->kid) == kid)
            return head->kid;
    return {};
}

// What has been prepared stays while the row says the same of it.
void update(StoredKey &key, const SigningKeyRow &row) {
    const std::string_view material = view_of(row.material);
    if (key.edition == 0 || key.sealed != row.sealed || key.material.view() != material) {
        key.verifier.reset();
        key.signer.reset();
        key.material = Secret(material);
        key.sealed = row.sealed;
        key.edition = ++ring().last_edition;
    }
    key.revoked = std::strcmp(row.state, "revoked") == 0;
}

// nullptr when no key has this kid.
StoredKey *stored_key(std::string_view kid) {
    std::list<StoredKey> &keys = ring().keys;
    if (ring().epoch != everything_epoch)
        keys.clear();
    ring().epoch = everything_epoch;
    auto key = std::find_if(keys.begin(), keys.end(),
                            [kid](const StoredKey &known) { return known.kid == kid; });
    if (key != keys.end() && key->since.holds_for(key->signal))
        return &*key;
    const Since since = Since::now();
    const std::string stored = stored_kid(kid);
    const SigningKeyRow row = read_signing_key(stored);
    if (!row.found) {
        if (key != keys.end())
            keys.erase(key);
        return nullptr;
    }
    if (key == keys.end()) {
        key = keys.emplace(keys.begin());
        key->kid = kid;
        key->signal = signal_id(Subject::key, stored);
    }
    update(*key, row);
    wipe(row.material, VARSIZE_ANY(row.material));
    ++work_done.keys;
    key->since = since; // signalled meanwhile: read again next time
    return &*key;
}

const Key &prepared(std::optional<Key> &kept, const StoredKey &stored, Reading reading) {
    if (!kept) {
        const Secret jwk =
            open_material(stored.material.view(), stored.sealed, KeyKind::signing, stored.kid);
        kept = parse_jwk(jwk.view(), reading).with_kid(stored.kid);
    }
    return *kept;
}

} // namespace

VerificationKey verification_key(std::string_view kid) {
    StoredKey *stored = stored_key(kid);
    if (stored == nullptr)
        return {};
    if (stored->revoked)
        return {KeyStanding::revoked, nullptr, stored->edition, stored->signal};
    return {KeyStanding::verifies,
            &prepared(stored->verifier, *stored, Reading::stored_public_half), stored->edition,
            stored->signal};
}

std::optional<SignalId> standing_key(std::string_view kid) {
    const StoredKey *stored = stored_key(kid);
    return stored != nullptr && !stored->revoked ? std::optional(stored->signal) : std::nullopt;
}

std::optional<std::string> signer_of(const CompactJws &jws) {
    const Heads heads = key_heads();
    for (const Heads::Head *head = heads.first; head != nullptr; head = head->next) {
        std::string kid(to_utf8(head->kid));
        const VerificationKey found = verification_key(kid);
        if (found.key != nullptr && verify(jws, *found.key) == TokenFault::none)
            return kid;
    }
    return std::nullopt;
}

const Key &signing_key() {
    Ring &kept = ring();
    accept_revocations();
    if (!kept.in_use_since.holds_for_all_keys()) {
        const Since since = Since::now();
        const Heads heads = key_heads();
        kept.in_use = heads.in_use == nullptr ? "" : to_utf8(heads.in_use);
        kept.in_use_since = since;
    }
    if (!kept.in_use.empty())
        if (StoredKey *stored = stored_key(kept.in_use))
            return prepared(stored->signer, *stored, Reading::stored);
    throw Error(Errc::token_not_signed);
}

std::string sign_claims(std::string_view claims, std::string_view typ) {
    std::string token = jwt_sign(claims, signing_key(), std::nullopt, typ);
    if (token.size() > max_token_bytes)
        throw Error(Errc::token_too_long,
                    {std::to_string(token.size()), std::to_string(max_token_bytes)});
    return token;
}

std::string_view refresh_token_key() {
    static auto *const kept = new ServerKey; // never destroyed, as the ring
    accept_revocations();
    if (kept->since.holds_for(signal_id(Subject::key, refresh_token_key_name)))
        return kept->key.view();
    const Since since = Since::now();
    const ServerKeyRow row = read_server_key(refresh_token_key_name);
    if (!row.found)
        throw Error(Errc::server_key_missing, {refresh_token_key_name});
    kept->since = Since();
    kept->key =
        open_material(view_of(row.material), row.sealed, KeyKind::server, refresh_token_key_name);
    wipe(row.material, VARSIZE_ANY(row.material));
    kept->since = since;
    return kept->key.view();
}

StoredMaterial store_material(std::string_view plain, KeyKind kind, std::string_view name) {
    const MasterKeys keys = master_keys();
    if (keys.empty())
        return {std::string(plain), {}};
    return {keys.seal(plain, additional_data(kind, name)), keys.sealing_key_id()};
}

Datum material_record(FunctionCallInfo fcinfo, const StoredMaterial &stored) {
    Datum values[2] = {PointerGetDatum(to_bytes(stored.bytes)),
                       PointerGetDatum(to_text(stored.sealed_under))};
    bool nulls[2] = {false, stored.sealed_under.empty()};
    return record_result(fcinfo, values, nulls);
}

Secret open_material(std::string_view bytes, bool sealed, KeyKind kind, std::string_view name) {
    if (!sealed)
        return Secret(bytes);
    // until 0.2.0 a server key was sealed as if "server key NAME" were the kid of a signing key
    const std::string former =
        kind == KeyKind::server ? additional_data(KeyKind::signing, described(kind, name)) : "";
    return master_keys().open(bytes, additional_data(kind, name), described(kind, name), former);
}

} // namespace pg_principal
