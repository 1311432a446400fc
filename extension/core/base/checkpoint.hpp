// How what takes long is ended from outside: a function that is called between its steps and throws
// to end it. core/ knows no server, so whoever calls it brings one.
#pragma once

namespace pg_principal {

using Checkpoint = void (*)();
inline void no_checkpoint() {}

} // namespace pg_principal
