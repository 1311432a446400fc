// From where an issuer or a client publishes its keys to the database, which says what is due, what is
// there next and what becomes of it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/app.hpp"
#include "db/pool.hpp"
#include "issuers/fetch.hpp"

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

// The same of a verb that fetches.
inline const Option fetch_ca{
    "--fetch-ca",
    "Certificates (PEM) of authorities that publishers are known by; the system's unless given",
    maybe, "FILE"};
inline const Option fetch_from{
    "--fetch-from", "Addresses that keys are fetched from beside public ones; may be repeated",
    several, "CIDR"};
inline const Option fetch_timeout{
    "--fetch-timeout", "How long each may take (default 10)", maybe, "SECONDS", "10",
    between(0.1, 60.0)};
FetchFlags flags_of(const Given &given);

} // namespace pg_principal::cli
