#include "pg/held_hashes.hpp"

extern "C" {
#include "access/xact.h"
}

#include <string>
#include <unordered_map>

namespace pg_principal {

namespace {

using Held = std::unordered_map<std::string, Secret>;

Held &held() {
    static Held *const hashes = new Held; // never destroyed: a backend's exit runs none of ours
    return *hashes;
}

std::string key_of(const pg_uuid_t &target) {
    return {reinterpret_cast<const char *>(target.data), UUID_LEN};
}

void on_transaction(XactEvent event, void *) {
    if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
        held().clear();
}

} // namespace

void watch_held_hashes() {
    (void)held(); // made now: a callback must not run out of memory
    RegisterXactCallback(on_transaction, nullptr);
}

void hold_hash(const pg_uuid_t &target, Secret hash) { held()[key_of(target)] = std::move(hash); }

Secret take_held_hash(const pg_uuid_t &target) {
    const auto found = held().find(key_of(target));
    if (found == held().end())
        return {};
    Secret hash = std::move(found->second);
    held().erase(found);
    return hash;
}

} // namespace pg_principal
