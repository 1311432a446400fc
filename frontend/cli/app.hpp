// The command tree, on CLI11. Each family of verbs adds itself; `run` parses, then carries out the
// verb chosen.
#pragma once

#include "cli/verb.hpp"

namespace pg_principal::cli {

// The program, or a family of verbs of it.
class Group {
  public:
    Group(CLI::App &command, Session &session) : command_(command), session_(session) {}
    Group family(const char *name, const char *description, const char *examples,
                 const std::vector<Verb> &verbs = {}) const;
    CLI::App &add(const Verb &verb) const;
    void add_all(const std::vector<Verb> &verbs) const;

  private:
    CLI::App &command_;
    Session &session_;
};

using AddCommands = void (*)(const Group &root);
void add_auth_commands(const Group &root);
void add_login_verbs(const Group &auth); // of the same family
void add_people_commands(const Group &root);
void add_keys_commands(const Group &root);
void add_clients_commands(const Group &root);
void add_issuers_commands(const Group &root);
void add_delegations_commands(const Group &root);
void add_health_commands(const Group &root);
void add_audit_commands(const Group &root);
void add_doctor_command(const Group &root);
void add_whoami_command(const Group &root);

// The whole program, with one more family of verbs from above; returns its exit code: 0 done, 1
// refused or failed, 2 wrong usage.
int run(int argc, const char *const *argv, Streams &streams, AddCommands add_more = nullptr);

} // namespace pg_principal::cli
