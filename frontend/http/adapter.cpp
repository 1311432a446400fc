// Between cpp-httplib and the dispatcher: the library reads requests and writes answers, the
// dispatcher knows what to say. What the library would do besides (routing by regular expressions,
// cutting answers by Range, compressing them, taking forms apart) it is kept from doing, and what
// it reads too leniently is refused, with the end of the connection.
#include "http/server.hpp"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include <httplib.h>

#include "base/text.hpp"

namespace pg_principal::http {

namespace {

// Whether the lines of one name stay in the order in which they came. Where they do not (0.18), which
// of several X-Forwarded-For a trusted proxy wrote is not known, so the client is not.
template <class Headers, class = void>
struct KeepsOrder : std::false_type {};
template <class Headers>
struct KeepsOrder<Headers, std::void_t<typename Headers::key_compare>> : std::true_type {};
constexpr const char *forwarded_for = "X-Forwarded-For";

constexpr std::size_t most_waste = 16 << 20; // of a body that is refused

// Values come percent-decoded: a line break in there would be one. In the library's strings, which
// end with a NUL: a long token is looked at as quickly as the C library can.
bool is_value(std::string_view text) {
    constexpr const char *controls =
        "\x01\x02\x03\x04\x05\x06\x07\x08\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11"
        "\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x7f";
    return std::strcspn(text.data(), controls) >= text.size();
}

bool takes_body(std::string_view method) {
    constexpr std::string_view methods[] = {"POST", "PUT", "PATCH", "DELETE"};
    return std::find(std::begin(methods), std::end(methods), method) != std::end(methods);
}

Rejection judge_headers(const Request &request) {
    for (const Header &header : request.headers) {
        if (!is_token(header.name) || !is_value(header.value))
            return {400, "malformed header"};
        for (const char *name :
             {"Host", "Content-Length", "Transfer-Encoding", "Content-Type", "Expect"})
            if (same_name(header.name, name) && request.repeats_header(name))
                return {400, "repeated header"};
    }
    return {};
}

// What two readers, a proxy and the library, could take for two different requests.
Rejection judge(const Request &request, const Limits &limits) {
    if (request.headers.size() > limits.headers)
        return {431, "too many headers"};
    if (const Rejection rejection = judge_headers(request); rejection.status)
        return rejection;
    const std::string_view length = request.header("Content-Length"),
                           coding = request.header("Transfer-Encoding");
    std::uint64_t bytes = 0;
    if (request.has_header("Content-Length") && !read_digits(length, bytes))
        return {400, "malformed Content-Length"};
    if (request.has_header("Transfer-Encoding") && !same_name(coding, "chunked"))
        return {501, "transfer coding not implemented"};
    if (!coding.empty() && (!length.empty() || request.minor_version == 0))
        return {400, "unexpected Transfer-Encoding"};
    if (request.has_header("Expect") && !same_name(request.header("Expect"), "100-continue"))
        return {417, "unknown expectation"};
    // some builds of the library would decode it, and others take it as it is
    for (const Header &header : request.headers)
        if (same_name(header.name, "Content-Encoding") && !header.value.empty() &&
            !same_name(header.value, "identity"))
            return {415, "content coding not supported"};
    if (request.minor_version == 1 && !is_host(request.header("Host")))
        return {400, "missing or malformed Host"};
    if (request.path.find('\\') != request.path.npos || !is_value(request.path))
        return {400, "malformed target"};
    if (!takes_body(request.method) && (!coding.empty() || bytes > 0))
        return {400, "unexpected body"};
    return bytes > limits.body ? Rejection{413, "body too large"} : Rejection();
}

// As a proxy is sent it (RFC 9112, section 3.2.2); which host is meant makes no difference here.
std::string_view without_authority(std::string_view target) {
    for (const std::string_view scheme : {"http://", "https://"})
        if (same_name(target.substr(0, scheme.size()), scheme))
            return target.substr(
                std::min(target.find_first_of("/?", scheme.size()), target.size()));
    return target;
}

// One request, while the library has it in hand.
class Passage {
  public:
    Passage(const httplib::Request &from, httplib::Response &to, Dispatcher &dispatcher,
            const ServerOptions &options)
        : from_(const_cast<httplib::Request &>(from)), to_(to), dispatcher_(dispatcher),
          limits_(options.limits) {
        Request &request = exchange_.request;
        request.method = from.method;
        request.minor_version = from.version == "HTTP/1.0" ? 0 : 1;
        request.secure = options.tls != nullptr;
        const std::string_view target = without_authority(from.target);
        request.path = target.substr(0, target.find('?'));
        request.query = target.substr(std::min(request.path.size() + 1, target.size()));
        // Only the headers that say where the request ends stay with the library.
        headers_.swap(from_.headers);
        from_.ranges.clear();
        for (const auto &[name, value] : headers_) {
            if (!is_of_the_library(name))
                request.headers.push_back({name, value});
            for (const char *kept : {"Content-Length", "Transfer-Encoding", "Connection"})
                if (same_name(name, kept))
                    from_.headers.emplace(name, value);
        }
        if (!KeepsOrder<httplib::Headers>::value && headers_.count(forwarded_for) > 1) {
            const auto is_it = [](const Header &header) {
                return same_name(header.name, forwarded_for);
            };
            request.headers.erase(
                std::remove_if(request.headers.begin(), request.headers.end(), is_it),
                request.headers.end());
            request.headers.push_back({forwarded_for, "unknown"});
        }
        exchange_.peer = Address::parse(from.remote_addr).value_or(Address());
        exchange_.request.began = Clock::now();
    }

    // The body is read even if the request is rejected: closing a socket with unread bytes resets
    // the connection, and the client would lose the answer.
    void answer(const httplib::ContentReader *reader) {
        Rejection rejection = judge(exchange_.request, limits_);
        if (reader && has_body() &&
            (!rejection.status || rejection.status == 413 || rejection.status == 415))
            rejection = read(*reader, rejection);
        if (rejection.status)
            return reject(rejection);
        exchange_.request.body = body_;
        exchange_.request.began = Clock::now();
        std::optional<Response> early = dispatcher_.admit(exchange_);
        give(early ? std::move(*early) : dispatcher_.handle(exchange_));
    }

    // The connection ends with it: what follows may be the rest of this request.
    void reject(const Rejection &rejection) {
        if (from_.method == "HEAD")
            from_.method = "GET"; // only who sends no body is let go on
        ends_ = true;
        give(dispatcher_.rejected(exchange_, rejection));
    }

  private:
    // Added to a request by 0.11 and 0.18, also beside a client's of that name.
    static bool is_of_the_library(std::string_view name) {
        return name == "REMOTE_ADDR" || name == "REMOTE_PORT" || name == "LOCAL_ADDR" ||
               name == "LOCAL_PORT";
    }

    bool has_body() const {
        const Request &request = exchange_.request;
        return request.has_header("Transfer-Encoding") ||
               (request.has_header("Content-Length") && request.header("Content-Length") != "0");
    }

    Rejection read(const httplib::ContentReader &reader, Rejection rejection) {
        std::size_t waste = 0;
        const bool whole = reader([&](const char *data, std::size_t size) {
            if (body_.size() + size > limits_.body)
                rejection = {413, "body too large"};
            if (!rejection.status)
                body_.append(data, size);
            return !rejection.status || (waste += size) <= most_waste;
        });
        // After chunks the library may have taken less for the body than the client sent.
        ends_ = ends_ || exchange_.request.has_header("Transfer-Encoding");
        if (whole || rejection.status)
            return rejection;
        // The library does not tell a client that went silent from one that closed the connection.
        return Clock::now() - exchange_.request.began < limits_.request_time
                   ? Rejection{400, "malformed body"}
                   : Rejection{408, "the request took too long"};
    }

    void give(Response response) {
        dispatcher_.finish(exchange_, response);
        to_.status = response.status;
        for (const auto &[name, value] : response.headers)
            to_.set_header(name, value);
        if (!ends_ || response.body.empty()) {
            if (!response.content_type.empty())
                to_.set_header("Content-Type", response.content_type);
            to_.body = std::move(response.body);
            return;
        }
        // The library has no call that closes a connection; it does so after an incomplete body.
        to_.set_header("Connection", "close");
        const std::size_t length = response.body.size();
        to_.set_content_provider(
            length, response.content_type,
            [body = std::move(response.body)](std::size_t at, std::size_t, httplib::DataSink &to) {
                to.write(body.data() + at, body.size() - at);
                return false;
            });
    }

    httplib::Request &from_; // the library's own variable, no constant
    httplib::Response &to_;
    Dispatcher &dispatcher_;
    const Limits &limits_;
    httplib::Headers headers_; // what the request's views lead into
    Exchange exchange_;
    std::string body_;
    bool ends_ = false;
};

const char *reason_of(int status) {
    return status == 413   ? "body too large"
           : status == 414 ? "request line too long"
           : status == 416 ? "malformed Range"
                           : "malformed request";
}

} // namespace

void adapt(httplib::Server &server, Dispatcher &dispatcher, const ServerOptions &options) {
    const auto passage = [&dispatcher, &options](const httplib::Request &from,
                                                 httplib::Response &to) {
        return Passage(from, to, dispatcher, options);
    };
    const auto plain = [passage](const httplib::Request &from, httplib::Response &to) {
        passage(from, to).answer(nullptr);
    };
    const auto reading = [passage](const httplib::Request &from, httplib::Response &to,
                                   const httplib::ContentReader &reader) {
        passage(from, to).answer(&reader);
    };
    // Methods without a body never get as far as the library's routes.
    server.set_pre_routing_handler([plain](const httplib::Request &from, httplib::Response &to) {
        using Outcome = httplib::Server::HandlerResponse;
        if (takes_body(from.method))
            return Outcome::Unhandled;
        plain(from, to);
        return Outcome::Handled;
    });
    constexpr const char *anything = "[^]*";
    server.Post(anything, reading);
    server.Put(anything, reading);
    server.Patch(anything, reading);
    server.Delete(anything, reading);
    server.set_expect_100_continue_handler(
        [most = options.limits.body](const httplib::Request &from, httplib::Response &to) {
            std::uint64_t length = 0;
            const bool fits =
                read_digits(from.get_header_value("Content-Length"), length) && length <= most;
            return fits || !from.has_header("Content-Length") ? 100 : to.status = 413;
        });
    // What the library itself refuses has no answer of ours yet.
    server.set_error_handler([passage](const httplib::Request &from, httplib::Response &to) {
        if (!to.has_header("X-Request-Id"))
            passage(from, to).reject({to.status, reason_of(to.status)});
    });
    server.set_exception_handler([](const httplib::Request &, httplib::Response &to,
                                    std::exception_ptr) { to.status = 500; });
    server.set_post_routing_handler([](const httplib::Request &from, httplib::Response &to) {
        to.headers.erase("Accept-Ranges");
        if (to.status == 204 || to.status == 304)
            to.headers.erase("Content-Length");
        const bool is_last =
            from.version == "HTTP/1.0" && from.get_header_value("Connection") != "Keep-Alive";
        if (is_last || to.has_header("Connection")) { // and perhaps twice
            to.headers.erase("Keep-Alive");
            to.headers.erase("Connection");
            to.set_header("Connection", "close");
        }
    });
    server.set_payload_max_length(static_cast<std::size_t>(-1)); // counted above, chunks too
}

} // namespace pg_principal::http
