#include "cli/values.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <regex>

#include <nlohmann/json.hpp>

#include "base/failure.hpp"
#include "base/terminal.hpp"
#include "core/base/text.hpp"
#include "core/base/utf8.hpp"
#include "core/json/storable.hpp"

namespace pg_principal::cli {

std::string read_file(const std::string &path, std::size_t limit) {
    if (path == "-")
        return read_stream(std::cin, limit);
    std::ifstream file(path, std::ios::binary);
    std::string text = read_stream(file, limit);
    if (!file.is_open() || file.bad())
        throw Failure("could not read " + quote_for_message(path) + ": " + std::strerror(errno));
    return text;
}

std::string read_stream(std::istream &in, std::size_t limit) {
    constexpr std::size_t chunk = std::size_t{1} << 16;
    std::string text;
    while (in && text.size() <= limit) {
        const std::size_t before = text.size();
        text.resize(before + chunk);
        in.read(text.data() + before, static_cast<std::streamsize>(chunk));
        text.resize(before + static_cast<std::size_t>(in.gcount()));
    }
    text.resize(std::min(text.size(), limit + 1));
    return text;
}

std::string label_of(const std::string &file) {
    return file == "-" ? "standard input" : for_terminal(file);
}

namespace {

std::string read_text(const std::string &file, std::size_t kibibytes, const char *what) {
    const std::size_t most = kibibytes << 10;
    std::string text = read_file(file, most);
    if (text.size() > most)
        throw Failure(label_of(file) + " is larger than " + std::to_string(kibibytes) +
                      " KiB, too large for a " + what);
    if (text.compare(0, 2, "\xff\xfe") == 0 || text.compare(0, 2, "\xfe\xff") == 0)
        throw Failure(label_of(file) + " is text in UTF-16: save it as UTF-8");
    if (text.find('\0') != std::string::npos)
        throw Failure(label_of(file) + " contains a NUL byte");
    // an editor leaves a newline at the end of a file; it is not a part of the secret
    if (!text.empty() && text.back() == '\n')
        text.pop_back();
    if (!text.empty() && text.back() == '\r')
        text.pop_back();
    if (text.empty())
        throw Failure(label_of(file) + " is empty");
    return text;
}

} // namespace

std::string read_variable(const std::string &name) {
    const char *value = std::getenv(name.c_str());
    if (!value || !*value)
        throw Failure("the environment variable " + for_terminal(name) +
                      (value ? " is empty" : " is not set"));
    return value;
}

std::string read_secret(const std::string &file) { return read_text(file, 64, "key"); }

namespace {

// The server would quote what it cannot read, to its log too: perhaps it is a secret.
std::string checked_key_set(const std::string &file, std::string text) {
    if (!nlohmann::json::accept(text))
        throw Failure(label_of(file) + " is not JSON", {},
                      "It holds a JWK Set: {\"keys\": [...]}.");
    return text;
}

} // namespace

std::string read_key_set(const std::string &file) {
    return checked_key_set(file,
                           std::string(without_byte_order_mark(read_text(file, 256, "key set"))));
}

std::string read_published_keys(const std::string &file) {
    return checked_key_set(
        file, json::storable(without_byte_order_mark(read_text(file, 256, "key set"))));
}

std::optional<std::string> utc_time(const std::string &given) {
    static const std::regex time("\\d{4}-\\d\\d-\\d\\d([T ]\\d\\d:\\d\\d(:\\d\\d(\\.\\d{1,6})?)?"
                                 "(Z|[+-]\\d\\d:\\d\\d)?)?");
    std::smatch parts;
    if (!std::regex_match(given, parts, time))
        return std::nullopt;
    return given + (parts[1].matched ? "" : " 00:00:00") + (parts[4].matched ? "" : "Z");
}

milliseconds time_of(const Given &given, const char *name) {
    return milliseconds(static_cast<std::int64_t>(std::stod(given[name]) * 1000));
}

issuers::FetchRules fetch_rules(const Given &given) {
    issuers::FetchRules rules;
    rules.time = time_of(given, "--fetch-timeout");
    rules.authorities = given["--fetch-ca"];
    rules.allowed = http::address_ranges(given.list("--fetch-from"), "--fetch-from");
    rules.user_agent = std::string("pg_principal/") + version;
    return rules;
}

} // namespace pg_principal::cli
