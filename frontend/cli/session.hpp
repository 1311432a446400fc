// What the verbs share: where they print, which database they ask.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/failure.hpp"
#include "cli/output.hpp"
#include "db/connection.hpp"

namespace pg_principal::cli {

inline constexpr const char *version = PG_PRINCIPAL_VERSION;

// What is asked: utc(expires_at) in a statement is that time as ISO 8601 in UTC, json(scopes) that
// value as JSON, each under the same name or under one that follows.
std::string expanded(std::string sql);

struct Session {
    Streams &streams;
    std::string dsn = {}, output = {}; // --dsn, --output
    std::function<void()> action = {}; // what the chosen verb does, set while parsing

    bool wants(const char *format) const { return output == format; }
    // One statement on a connection of its own; the first Ctrl-C, or SIGTERM, cancels it. A
    // terminal is told how long `what` takes. The server's warnings go to the errors. `database`:
    // another one of the same server. Throws Failure.
    db::Result ask(const std::string &sql, const std::vector<db::Param> &params = {},
                   const std::string &what = {}, const std::string &database = {}) const;
    // A token or secret that is told this once: `tell` prints it, and what could not be printed was
    // never made.
    void ask_and_tell(const std::string &sql, const std::vector<db::Param> &params,
                      const std::function<void(const db::Result &)> &tell) const;
};

// One line on the terminal while a long statement is on its way, erased at the end.
class Progress {
  public:
    Progress(std::ostream &err, std::string what) : err_(err), what_(std::move(what)) {}
    ~Progress();
    void show(bool sending, double seconds);

  private:
    std::ostream &err_;
    std::string what_, shown_;
};

} // namespace pg_principal::cli
