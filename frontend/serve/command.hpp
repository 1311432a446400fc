#pragma once

#include "cli/app.hpp"

namespace pg_principal::cli {

void add_serve_command(Command root, Session &session);

} // namespace pg_principal::cli
