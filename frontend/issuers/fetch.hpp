// A document of somebody else over HTTPS: from an address that may be connected to, of a server that
// has a certificate for its name, and within bounds of time and size whatever that server does.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "http/address.hpp"

namespace pg_principal::issuers {

struct FetchRules {
    milliseconds time{10'000}; // from the look-up of the name to the last byte
    std::size_t bytes = std::size_t{256} << 10;
    std::string authorities;         // a file of certificates (PEM); "" is the system's
    std::vector<http::Cidr> allowed; // addresses beside the public ones
    std::string user_agent = "pg_principal";
};

struct Fetched {
    std::string body, cache_control, expires, date, age;
};

class Fetcher {
  public:
    explicit Fetcher(FetchRules rules) : rules_(std::move(rules)) {}
    // What is there with status 200; nothing else is followed. Throws Failure. For one thread.
    Fetched get(const std::string &url);
    // From any thread: what is under way fails soon, and so does whatever comes.
    void stop() noexcept;

  private:
    class Watch;
    std::vector<http::Address> look_up(const std::string &host, Clock::time_point until);

    const FetchRules rules_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool stopped_ = false;
};

} // namespace pg_principal::issuers
