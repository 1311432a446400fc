// The command tree. Each family of verbs adds itself; `run` parses, then carries out the one
// chosen.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/failure.hpp"
#include "cli/output.hpp"
#include "cli/verb.hpp"
#include "db/array.hpp"
#include "db/connection.hpp"

namespace pg_principal::cli {

#ifdef PG_PRINCIPAL_VERSION
inline constexpr const char *version = PG_PRINCIPAL_VERSION;
#else
inline constexpr const char *version = "dev";
#endif

using db::array_param;
using db::check_dsn;
using db::Database;
using db::Observer;
using db::Param;
using db::Rows;

struct Session {
    Streams &streams;
    std::string dsn = {};
    std::function<void()> action = {}; // what the chosen verb does, set while parsing

    Database connect() const { return Database(dsn, streams.err); }
};

// A family of verbs, or a verb that stands alone when it gets an action.
Verb add_command(Verb &parent, Session &session, const std::string &name,
                 const std::string &description, const std::string &examples,
                 std::function<void()> action = {});

void add_auth_commands(Verb &root, Session &session);
void add_people_commands(Verb &root, Session &session);
void add_keys_commands(Verb &root, Session &session);
void add_health_commands(Verb &root, Session &session);
void add_audit_commands(Verb &root, Session &session);
void add_whoami_command(Verb &root, Session &session);

using AddCommands = void (*)(Verb &root, Session &session);

// The whole program, with one more family of verbs from above; returns its exit code: 0 done, 1
// refused or failed, 2 wrong usage.
int run(int argc, const char *const *argv, Streams &streams, AddCommands add_more = nullptr);

} // namespace pg_principal::cli
