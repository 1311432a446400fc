// The command tree, on CLI11. Each family of verbs adds itself; `run` parses, then carries out the
// verb chosen.
#pragma once

#include "cli/arguments.hpp"
#include "cli/session.hpp"

namespace pg_principal::cli {

// A family of verbs.
Command add_family(Command root, Session &session, const std::string &name,
                   const std::string &description, const std::string &examples);
// A verb and what it does when it is chosen. --output takes one of `outputs`, the first if it is
// not given.
Command add_verb(Command family, Session &session, const std::string &name,
                 const std::string &description, const std::string &examples,
                 std::function<void()> action,
                 const std::vector<std::string> &outputs = {"text", "json"});

using AddCommands = void (*)(Command root, Session &session);
void add_auth_commands(Command root, Session &session);
void add_login_verbs(Command auth, Session &session); // of the same family
void add_people_commands(Command root, Session &session);
void add_keys_commands(Command root, Session &session);
void add_clients_commands(Command root, Session &session);
void add_issuers_commands(Command root, Session &session);
void add_delegations_commands(Command root, Session &session);
void add_health_commands(Command root, Session &session);
void add_audit_commands(Command root, Session &session);
void add_doctor_command(Command root, Session &session);
void add_whoami_command(Command root, Session &session);

// The whole program, with one more family of verbs from above; returns its exit code: 0 done, 1
// refused or failed, 2 wrong usage.
int run(int argc, const char *const *argv, Streams &streams, AddCommands add_more = nullptr);

} // namespace pg_principal::cli
