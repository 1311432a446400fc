// What a handler gets and what it gives back.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "http/address.hpp"

namespace pg_principal::http {

struct Header {
    std::string_view name, value;
};

struct PathParam {
    std::string_view name;
    std::string value; // decoded
};

bool same_name(std::string_view a, std::string_view b) noexcept; // ASCII, case does not count

inline bool is_printable_without(std::string_view text, std::string_view these) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
        return c > ' ' && c < 0x7f && these.find(c) == these.npos;
    });
}
// RFC 9110, section 5.6.2: what a method or a header's name may be.
inline bool is_token(std::string_view text) {
    return is_printable_without(text, "\"(),/:;<=>?@[\\]{}");
}
// A name or an address, with or without a port.
inline bool is_host(std::string_view text) {
    return is_printable_without(text, "\"#%&'()*+,/;<=>?@\\^`{|}$!");
}

// Its views lead into the connection's buffer and last until the handler returns.
struct Request {
    std::string_view method;
    std::string_view path;  // as sent: only parameters are decoded
    std::string_view query; // as sent, without the question mark
    std::vector<Header> headers;
    std::string_view body;
    int minor_version = 1; // of HTTP/1.x
    bool secure = false;   // came over TLS
    Address client;
    std::string id;          // also in the access log and in the response
    Clock::time_point began; // when the whole of it was here
    std::vector<PathParam> params;

    // The first of that name, "" when there is none.
    std::string_view header(std::string_view name) const noexcept;
    std::ptrdiff_t count(std::string_view name) const noexcept; // of headers
    bool has_header(std::string_view name) const noexcept { return count(name) > 0; }
    bool repeats_header(std::string_view name) const noexcept { return count(name) > 1; }
    // Of the route's pattern; a name that is not in it is a mistake in the program.
    const std::string &param(std::string_view name) const;
    // The token of `Authorization: Bearer ...`; "" when there is none.
    std::string_view bearer() const noexcept;
};

struct Response {
    int status = 200;
    std::string body = {};
    std::string content_type = "application/json";
    std::vector<std::pair<std::string, std::string>> headers = {};

    // Replaces. Throws std::invalid_argument for a name or value that would end the line.
    Response &set(std::string_view name, std::string_view value);
    bool has(std::string_view name) const noexcept;

    static Response json(int status, std::string body) { return {status, std::move(body)}; }
    static Response text(int status, std::string body,
                         const char *type = "text/plain; charset=utf-8") {
        return {status, std::move(body), type};
    }
    static Response empty(int status = 204) { return {status, {}, {}}; }
};

// Percent-decoding in which only %XX is an escape; nothing when it is malformed, is not UTF-8 or
// holds a control character.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space = false);

// name=value&name=value, of a query or a form's body.
class Form {
  public:
    // Nothing when a part cannot be decoded. of_files: a value may end with one newline, which is not
    // a part of it, as the file does that a client sends.
    static std::optional<Form> parse(std::string_view text, bool of_files = false);
    // The first of that name.
    std::optional<std::string> get(std::string_view name) const;
    bool repeats(std::string_view name) const;
    const std::vector<std::pair<std::string, std::string>> &fields() const { return fields_; }

  private:
    std::vector<std::pair<std::string, std::string>> fields_;
};

} // namespace pg_principal::http
