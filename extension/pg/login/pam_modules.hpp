#pragma once

namespace pg_principal::login {

// Linux-PAM opens a service's modules, and those of "other", in each connection that it
// authenticates, and closes them: files are read, and the dynamic linker writes to what it keeps of
// every library, so that 72 KiB that all connections share become each one's own. The postmaster
// calls this: it opens the modules of the service that docs/login.md names and keeps them, so that
// connections find them there. Nobody is asked and nothing is verified by it. What pam_start() says
// is not looked at: a service that is wrong refuses at the login itself, as without this.
void keep_pam_modules() noexcept;

} // namespace pg_principal::login
