// The reader of HTTP requests: however the bytes arrive it sees the same requests, what it accepts
// is within the limits and can be written down in one way only, and that reads as the same request.
#include "fuzz.hpp"

#include <algorithm>
#include <vector>

#include "http_parser.hpp"

using namespace pg_principal::http;

namespace {

Limits small_limits() {
    Limits limits;
    limits.request_line = 200;
    limits.header_bytes = 500;
    limits.headers = 20;
    limits.body = 300;
    return limits;
}

struct Seen {
    std::string method, path, query, body;
    std::vector<std::pair<std::string, std::string>> headers;
    int minor_version = 1, refused = 0;
    bool keep_alive = true, complete = false;
    bool operator==(const Seen &other) const {
        return method == other.method && path == other.path && query == other.query &&
               body == other.body && headers == other.headers && refused == other.refused &&
               minor_version == other.minor_version && keep_alive == other.keep_alive &&
               complete == other.complete;
    }
};

Seen copy(const RequestParser &parser, const std::string &buffer) {
    Request request;
    parser.fill(buffer, request);
    Seen seen;
    seen.method = request.method;
    seen.path = request.path;
    seen.query = request.query;
    seen.body = request.body;
    for (const Header &header : request.headers)
        seen.headers.emplace_back(header.name, header.value);
    seen.minor_version = request.minor_version;
    seen.keep_alive = parser.keep_alive();
    seen.complete = true;
    return seen;
}

// All requests of a connection that brings so many bytes at a time.
std::vector<Seen> read_all(const Limits &limits, std::string_view bytes, std::size_t piece) {
    std::vector<Seen> all;
    RequestParser parser(limits);
    std::string buffer;
    while (true) {
        const auto progress = parser.advance(buffer);
        if (progress == RequestParser::Progress::complete) {
            all.push_back(copy(parser, buffer));
            buffer.erase(0, parser.consumed());
            parser.reset();
            continue;
        }
        if (progress == RequestParser::Progress::refused) {
            Seen seen;
            seen.refused = parser.refusal().status;
            all.push_back(seen);
            return all;
        }
        fuzz::check(buffer.size() <= limits.request_line + limits.header_bytes + limits.body +
                                         limits.header_bytes + 600 + piece,
                    "what is kept of an unfinished request is bounded");
        if (bytes.empty())
            return all;
        buffer.append(bytes.substr(0, piece));
        bytes.remove_prefix(std::min(piece, bytes.size()));
    }
}

bool is_named(const std::string &name, std::string_view wanted) { return same_name(name, wanted); }

std::string written(const Seen &seen) {
    std::string out = seen.method + ' ' + seen.path + (seen.query.empty() ? "" : "?" + seen.query) +
                      " HTTP/1." + std::to_string(seen.minor_version) + "\r\n";
    for (const auto &[name, value] : seen.headers)
        if (!is_named(name, "transfer-encoding") && !is_named(name, "content-length"))
            out += name + ": " + value + "\r\n";
    return out + "Content-Length: " + std::to_string(seen.body.size()) + "\r\n\r\n" + seen.body;
}

void check_sound(const Limits &limits, const Seen &seen) {
    int hosts = 0, lengths = 0, codings = 0;
    for (const auto &[name, value] : seen.headers) {
        hosts += is_named(name, "host");
        lengths += is_named(name, "content-length");
        codings += is_named(name, "transfer-encoding");
        fuzz::check(!name.empty() && name.find_first_of(" \t:\r\n") == name.npos, "a name");
        fuzz::check(std::none_of(value.begin(), value.end(),
                                 [](unsigned char c) { return (c < 32 && c != 9) || c == 127; }),
                    "a value without control characters");
    }
    fuzz::check(hosts == 1 || (hosts == 0 && seen.minor_version == 0), "one Host");
    fuzz::check(lengths + codings <= 1, "one length");
    fuzz::check(seen.body.size() <= limits.body && seen.headers.size() <= limits.headers, "limits");
    fuzz::check(seen.path == "*" || seen.path.substr(0, 1) == "/", "a path");
    percent_decode(seen.path);
    Form::parse(seen.query);
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    const std::string bytes = fuzz::text_of(data, size);
    const Limits limits = small_limits();
    const std::vector<Seen> seen = read_all(limits, bytes, bytes.size() + 1);
    fuzz::check(read_all(limits, bytes, 1) == seen, "byte by byte");
    fuzz::check(read_all(limits, bytes, 7) == seen, "seven bytes at a time");
    Limits wide = limits;
    wide.header_bytes += 100;
    wide.headers += 1;
    for (const Seen &one : seen) {
        if (!one.complete)
            continue;
        check_sound(limits, one);
        const std::vector<Seen> again = read_all(wide, written(one), size + 1000);
        fuzz::check(again.size() == 1 && again[0].complete && again[0].body == one.body &&
                        again[0].path == one.path && again[0].query == one.query &&
                        again[0].method == one.method && again[0].keep_alive == one.keep_alive,
                    "written down it is the same request");
    }
    return 0;
}
