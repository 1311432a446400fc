#pragma once

#include "cli/app.hpp"

namespace pg_principal::cli {

void add_serve_command(const Group &root);

} // namespace pg_principal::cli
