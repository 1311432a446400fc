// A session that a token opened: begun by a second verdict, ended with the token.
#pragma once

#include "pg/bridge/pg.hpp"

namespace pg_principal::login {

// Called once when the library is loaded.
void watch_sessions();

} // namespace pg_principal::login
