// Where a request begins and ends: HTTP/1.1 (RFC 9112) read strictly, so that we and any proxy in
// front cannot disagree about it.
//
// Why this is not cpp-httplib's: its reader (0.11.4) takes the first of two Content-Lengths and one
// beside Transfer-Encoding, counts neither headers nor bytes, percent-decodes header values, and
// adds the peer as a header REMOTE_ADDR that the client's own one shadows. All of that happens
// inside process_request(), also when it reads from memory, and its router tries one std::regex a
// route (10 us for a path behind 20 of them, half of what a request may cost here). What would be
// left of it is its socket handling, which holds a thread per kept-alive connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "http_limits.hpp"
#include "http_message.hpp"

namespace pg_principal::http {

struct Refusal {
    int status = 0;
    const char *reason = "";
};

class RequestParser {
  public:
    enum class Progress { more, complete, refused };

    explicit RequestParser(const Limits &limits) : limits_(&limits) {}

    // `buffer` begins where the request does and only grows between two calls; of a chunked body
    // only the data stays in it.
    Progress advance(std::string &buffer);

    // After `refused`: nothing that follows in the buffer can be made sense of.
    const Refusal &refusal() const { return refusal_; }
    // After `complete`: what of the buffer was this request.
    std::size_t consumed() const { return at_; }
    // Whether all headers are known; what was refused may still lack its body.
    bool head_is_read() const { return body_from_ > 0; }
    // After `complete`, or without the whole body as soon as the head is read: the views lead into
    // the buffer.
    void fill(std::string_view buffer, Request &request) const;
    bool keep_alive() const { return keep_alive_; }
    int minor_version() const { return minor_version_; }
    // True once, when the client waits for `100 Continue` before it sends the body.
    bool take_expectation();
    void reset();

  private:
    enum class State {
        line,
        headers,
        body,
        chunk_size,
        chunk_data,
        chunk_end,
        trailers,
        done,
        bad
    };
    struct Span {
        std::uint32_t from = 0, size = 0;
        std::string_view of(std::string_view text) const { return text.substr(from, size); }
    };
    struct Field {
        Span name, value;
    };

    bool step(std::string &buffer);
    bool next_line(std::string_view buffer, std::size_t most, int status_beyond,
                   std::string_view &line);
    bool read_request_line(std::string_view buffer);
    bool read_target(std::string_view buffer, Span target);
    bool read_header(std::string_view buffer);
    bool read_trailer(std::string_view buffer);
    bool note_header(std::string_view name, std::string_view value);
    bool note_connection(std::string_view value);
    bool finish_head(std::string_view buffer);
    bool read_chunk_size(std::string_view buffer);
    bool read_chunk_data(std::string &buffer);
    bool read_chunk_end(std::string_view buffer);
    bool refuse(int status, const char *reason);
    bool next(State state) {
        state_ = state;
        return true;
    }

    const Limits *limits_;
    State state_ = State::line;
    std::size_t at_ = 0;      // read up to here
    std::size_t scanned_ = 0; // no line break before here
    std::size_t line_from_ = 0, header_bytes_ = 0;
    std::size_t body_from_ = 0, body_end_ = 0;
    std::uint64_t left_ = 0; // of the body or of the chunk
    Span method_, path_, query_, authority_, host_;
    std::vector<Field> fields_;
    std::uint64_t content_length_ = 0;
    unsigned seen_ = 0; // headers that may come once
    bool skipped_empty_line_ = false, chunked_ = false, absolute_ = false;
    bool close_ = false, keep_ = false, keep_alive_ = true;
    bool expects_ = false;
    int minor_version_ = 1;
    Refusal refusal_;
};

} // namespace pg_principal::http
