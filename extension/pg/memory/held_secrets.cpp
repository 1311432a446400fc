#include "pg/memory/held_secrets.hpp"

extern "C" {
#include "access/xact.h"
}

#include <string>
#include <unordered_map>

namespace pg_principal {

namespace {

struct Held {
    std::unordered_map<std::string, Secret> hashes; // by the bytes of a principal's id
    std::unordered_map<int64, Secret> secrets;
    int64 last = 0; // never used again, so that a stale number names nothing
};

Held &held() {
    static Held *const all = new Held; // never destroyed: a backend's exit runs none of ours
    return *all;
}

std::string key_of(const pg_uuid_t &target) {
    return {reinterpret_cast<const char *>(target.data), UUID_LEN};
}

void forget_held_secrets(XactEvent event, void *) {
    if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
        return;
    held().hashes.clear();
    held().secrets.clear();
}

} // namespace

void watch_held_secrets() {
    (void)held(); // made now: a callback must not run out of memory
    RegisterXactCallback(forget_held_secrets, nullptr);
}

void hold_hash(const pg_uuid_t &target, Secret hash) {
    held().hashes[key_of(target)] = std::move(hash);
}

Secret take_held_hash(const pg_uuid_t &target) {
    const auto found = held().hashes.find(key_of(target));
    if (found == held().hashes.end())
        return {};
    Secret hash = std::move(found->second);
    held().hashes.erase(found);
    return hash;
}

int64 hold_secret(Secret secret) {
    held().secrets[held().last + 1] = std::move(secret);
    return ++held().last;
}

const Secret *held_secret(int64 number) {
    const auto found = held().secrets.find(number);
    return found == held().secrets.end() ? nullptr : &found->second;
}

} // namespace pg_principal
