// Password hashes on their way into auth.password_hashes. They wait here, by principal, between the
// function or trigger that was given them and the statement that stores them: no statement then
// has one as a parameter or a constant, which auditing extensions would log.
#pragma once

#include "core/bytes.hpp"
#include "pg/pg.hpp"

extern "C" {
#include "utils/uuid.h"
}

namespace pg_principal {

// Called once when the library is loaded.
void watch_held_hashes();

// Kept until it is taken or the transaction ends; a later one for the same principal replaces it.
void hold_hash(const pg_uuid_t &target, Secret hash);
// Empty when none is held.
Secret take_held_hash(const pg_uuid_t &target);

} // namespace pg_principal
