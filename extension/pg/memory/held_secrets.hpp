// Secrets on their way from the function that was given or made them into the statement that needs
// them: password hashes by principal, anything else by a number. They wait here, so that no
// statement of ours has one as a parameter or a constant, which auditing extensions would log.
#pragma once

#include "core/base/bytes.hpp"
#include "pg/bridge/pg.hpp"

extern "C" {
#include "utils/uuid.h"
}

namespace pg_principal {

// Called once when the library is loaded.
void watch_held_secrets();

// Kept until it is taken or the transaction ends; a later one for the same principal replaces it.
void hold_hash(const pg_uuid_t &target, Secret hash);
// Empty when none is held.
Secret take_held_hash(const pg_uuid_t &target);

// Kept until the transaction ends, under the number returned.
int64 hold_secret(Secret secret);
// nullptr when there is none of that number.
const Secret *held_secret(int64 number);

} // namespace pg_principal
