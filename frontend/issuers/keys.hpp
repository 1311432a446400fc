// From where an issuer or a client publishes its keys to the database, which says what is due, what
// is there next and what becomes of it.
#pragma once

#include <condition_variable>
#include <functional>
#include <iosfwd>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "db/pool.hpp"
#include "issuers/fetch.hpp"

namespace pg_principal::issuers {

using Ask = std::function<db::Result(const db::Statement &, const std::vector<db::Param> &)>;

// Of what auth.next_key_fetch() or auth.start_key_fetch() says, issuer, attempt and URL: nothing is
// due without an attempt.
inline bool is_due(const db::Result &fetch) { return !fetch.text(0, 1).empty(); }
// To the end, as auth.end_key_fetch() has it: outcome, URL, problem. Throws what `ask` throws.
db::Result carry_keys(Fetcher &fetcher, const Ask &ask, const db::Result &fetch);

// Beside the requests of a server, whenever the database says so. Of several servers on one database
// one does.
class KeyFetcher {
  public:
    KeyFetcher(db::Pool &pool, FetchRules rules, std::ostream &err);
    ~KeyFetcher(); // waits for no issuer
    KeyFetcher(const KeyFetcher &) = delete;
    KeyFetcher &operator=(const KeyFetcher &) = delete;

  private:
    void run();
    bool fetch_next();
    void tell(const std::string &issuer, const std::string &problem);

    db::Pool &pool_;
    Fetcher fetcher_;
    std::ostream &err_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool stopping_ = false;
    std::map<std::string, std::string> told_; // by issuer, so that each problem is told once
    std::thread thread_;
};

} // namespace pg_principal::issuers
