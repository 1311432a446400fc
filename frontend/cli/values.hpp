// What operators give besides words: files, secrets, times, how keys are fetched.
#pragma once

#include <cstddef>
#include <istream>
#include <optional>
#include <string>

#include "cli/app.hpp"
#include "issuers/fetch.hpp"

namespace pg_principal::cli {

// Whole files in memory; - is standard input. One byte more than the limit is returned when there
// is more, so that the caller sees it.
std::string read_file(const std::string &path, std::size_t limit);
std::string read_stream(std::istream &in, std::size_t limit);
std::string label_of(const std::string &file);

// A key or a token, which is never an argument: of an environment variable, or of a file without
// its last newline. They throw Failure, which repeats nothing of it.
std::string read_variable(const std::string &name);
std::string read_secret(const std::string &file);

// Options that name a variable or a file, which is read.
inline Option from_variable(const char *name, const char *text) {
    return {name, text, maybe, "VAR", "", nullptr, read_variable};
}
inline Option from_file(const char *name, const char *text,
                        std::string (*read)(const std::string &file) = read_secret) {
    return {name, text, maybe, "FILE", "", nullptr, read};
}

// A JWK Set, without the byte order mark that some publish it with.
std::string read_key_set(const std::string &file);
// The same of an issuer's, of which no odd text or number takes the rest with it.
std::string read_published_keys(const std::string &file);

// A date, or a time as RFC 3339 has it, in UTC unless it names its zone: it means the same whatever
// the connection's settings are. nullopt: it is none.
std::optional<std::string> utc_time(const std::string &given);

// Of an option in seconds.
milliseconds time_of(const Given &given, const char *name);

// Of a verb that fetches keys.
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
issuers::FetchRules fetch_rules(const Given &given); // throws UsageError for what cannot be

} // namespace pg_principal::cli
