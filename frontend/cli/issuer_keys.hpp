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

// Of what auth.next_key_fetch() or auth.start_key_fetch() says, issuer, attempt and URL: nothing is
// due without an attempt.
inline bool is_due(const db::Result &fetch) { return !fetch.text(0, 1).empty(); }
// To the end, as auth.end_key_fetch() has it: outcome, URL, problem. Throws what `ask` throws.
db::Result carry_keys(http::Fetcher &fetcher, const Ask &ask, const db::Result &fetch);

struct FetchFlags {
    std::string authorities;
    std::vector<std::string> allowed;
    double seconds = 10;
};
// Throws UsageError for what cannot be.
http::FetchRules fetch_rules(const FetchFlags &flags);

} // namespace pg_principal::cli
