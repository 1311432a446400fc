// From where a trusted issuer publishes its keys to the database, which says what is due, what is
// there next and what becomes of it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "db/pool.hpp"
#include "http/fetch.hpp"

namespace pg_principal::cli {

using Ask = std::function<db::Result(const db::Statement &, const std::vector<db::Param> &)>;

struct KeyFetch {
    std::string issuer, attempt, url;
};
struct KeyFetchEnd {
    std::string outcome, problem; // as auth.end_key_fetch() has them
};

// A row of auth.next_key_fetch() or auth.start_key_fetch(); an attempt of "" is none.
KeyFetch read_key_fetch(const db::Result &row);
// Throws what `ask` throws.
KeyFetchEnd carry_keys(http::Fetcher &fetcher, const Ask &ask, const KeyFetch &fetch);

struct FetchFlags {
    std::string authorities;
    std::vector<std::string> allowed;
    double seconds = 10;
};
// Throws UsageError for what cannot be.
http::FetchRules fetch_rules(const FetchFlags &flags);

} // namespace pg_principal::cli
