// The command tree, on CLI11. Each family of verbs adds itself; `run` parses, then carries out the
// verb chosen.
#pragma once

#include "cli/session.hpp"

namespace CLI {
class App;
}

namespace pg_principal::cli {

// A family of verbs.
CLI::App *add_family(CLI::App &root, Session &session, const std::string &name,
                     const std::string &description, const std::string &examples);
// A verb and what it does when it is chosen. --output takes one of `outputs`, the first if it is
// not given.
CLI::App *add_verb(CLI::App &family, Session &session, const std::string &name,
                   const std::string &description, const std::string &examples,
                   std::function<void()> action,
                   const std::vector<std::string> &outputs = {"text", "json"});

using AddCommands = void (*)(CLI::App &root, Session &session);
void add_auth_commands(CLI::App &root, Session &session);
void add_login_verbs(CLI::App &auth, Session &session); // of the same family
void add_people_commands(CLI::App &root, Session &session);
void add_keys_commands(CLI::App &root, Session &session);
void add_clients_commands(CLI::App &root, Session &session);
void add_issuers_commands(CLI::App &root, Session &session);
void add_delegations_commands(CLI::App &root, Session &session);
void add_health_commands(CLI::App &root, Session &session);
void add_audit_commands(CLI::App &root, Session &session);
void add_doctor_command(CLI::App &root, Session &session);
void add_whoami_command(CLI::App &root, Session &session);

// The whole program, with one more family of verbs from above; returns its exit code: 0 done, 1
// refused or failed, 2 wrong usage.
int run(int argc, const char *const *argv, Streams &streams, AddCommands add_more = nullptr);

} // namespace pg_principal::cli
