// Fetches the keys of trusted issuers beside the requests, whenever the database says so. Of several
// servers on one database one does.
#pragma once

#include <atomic>
#include <condition_variable>
#include <iosfwd>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "issuers/keys.hpp"

namespace pg_principal::cli {

class KeyFetcher {
  public:
    KeyFetcher(db::Pool &pool, http::FetchRules rules, std::ostream &err);
    ~KeyFetcher(); // waits for no issuer
    KeyFetcher(const KeyFetcher &) = delete;
    KeyFetcher &operator=(const KeyFetcher &) = delete;

  private:
    void run();
    bool fetch_next();
    void tell(const std::string &issuer, const std::string &problem);

    db::Pool &pool_;
    http::Fetcher fetcher_;
    std::ostream &err_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool stopping_ = false;
    std::map<std::string, std::string> told_; // by issuer, so that each problem is told once
    std::thread thread_;
};

} // namespace pg_principal::cli
