// What hangs on our rows: tables of others that reference them.
#pragma once

namespace pg_principal {

// Once, when the library is loaded.
void watch_dependents();

} // namespace pg_principal
