#include "http_parser.hpp"

#include <algorithm>
#include <cstring>

#include "http_syntax.hpp"

namespace pg_principal::http {

namespace {

// Headers that may come once.
constexpr unsigned host = 1, content_length = 2, transfer_encoding = 4, expect = 8,
                   authorization = 16, content_type = 32;

constexpr std::size_t longest_method = 24;

bool is_known_method(std::string_view method) {
    static constexpr std::string_view known[] = {"GET",   "POST",   "HEAD",   "PUT",
                                                 "PATCH", "DELETE", "OPTIONS"};
    return std::find(std::begin(known), std::end(known), method) != std::end(known);
}

unsigned once_bit(std::string_view name) {
    switch (name.size()) {
    case 4:
        return same_name(name, "host") ? host : 0;
    case 6:
        return same_name(name, "expect") ? expect : 0;
    case 12:
        return same_name(name, "content-type") ? content_type : 0;
    case 13:
        return same_name(name, "authorization") ? authorization : 0;
    case 14:
        return same_name(name, "content-length") ? content_length : 0;
    case 17:
        return same_name(name, "transfer-encoding") ? transfer_encoding : 0;
    default:
        return 0;
    }
}

} // namespace

void RequestParser::reset() {
    std::vector<Field> fields = std::move(fields_);
    fields.clear();
    *this = RequestParser(*limits_);
    fields_ = std::move(fields);
}

bool RequestParser::refuse(int status, const char *reason) {
    refusal_ = {status, reason};
    state_ = State::bad;
    return false;
}

RequestParser::Progress RequestParser::advance(std::string &buffer) {
    while (step(buffer)) {
    }
    if (chunked_ && body_from_ > 0 && body_end_ < at_) { // only the data stays
        buffer.erase(body_end_, at_ - body_end_);
        scanned_ -= std::min(scanned_, at_ - body_end_);
        at_ = line_from_ = body_end_;
    }
    return state_ == State::done  ? Progress::complete
           : state_ == State::bad ? Progress::refused
                                  : Progress::more;
}

// True when there may be more to do with what the buffer holds.
bool RequestParser::step(std::string &buffer) {
    switch (state_) {
    case State::line:
        return read_request_line(buffer);
    case State::headers:
        return read_header(buffer);
    case State::body:
        if (buffer.size() - at_ < left_)
            return false;
        at_ += left_;
        body_end_ = at_;
        return next(State::done);
    case State::chunk_size:
        return read_chunk_size(buffer);
    case State::chunk_data:
        return read_chunk_data(buffer);
    case State::chunk_end:
        return read_chunk_end(buffer);
    case State::trailers:
        return read_trailer(buffer);
    case State::done:
    case State::bad:
        break;
    }
    return false;
}

// A line without its CRLF. A byte that dripped in is looked at once.
bool RequestParser::next_line(std::string_view buffer, std::size_t most, int status_beyond,
                              std::string_view &line) {
    line_from_ = at_;
    scanned_ = std::max(scanned_, at_);
    const void *found = buffer.size() > scanned_
                            ? std::memchr(buffer.data() + scanned_, '\n', buffer.size() - scanned_)
                            : nullptr;
    const std::size_t end =
        found ? static_cast<std::size_t>(static_cast<const char *>(found) - buffer.data())
              : buffer.size();
    scanned_ = end;
    if (end - at_ > most + 1) // its CR may be in it
        return refuse(status_beyond, "too long");
    if (!found)
        return false;
    if (end == at_ || buffer[end - 1] != '\r')
        return refuse(400, "a line must end with CRLF");
    line = buffer.substr(at_, end - 1 - at_);
    if (line.size() > most)
        return refuse(status_beyond, "too long");
    at_ = scanned_ = end + 1;
    return true;
}

bool RequestParser::read_request_line(std::string_view buffer) {
    if (buffer.size() > at_ && !in(token_bytes, buffer[at_]) && buffer[at_] != '\r')
        return refuse(400, "no HTTP request");
    std::string_view line;
    if (!next_line(buffer, limits_->request_line, 414, line))
        return false;
    if (line.empty() && !skipped_empty_line_)
        return skipped_empty_line_ = true; // RFC 9112 2.2: some clients end a body with CRLF
    const std::size_t method_end = line.find(' '), target_end = line.rfind(' ');
    if (method_end == line.npos || method_end == 0 || target_end <= method_end + 1)
        return refuse(400, "malformed request line");
    const std::string_view version = line.substr(target_end + 1);
    if (version.size() != 8 || version.compare(0, 5, "HTTP/") != 0 || version[6] != '.' ||
        version[5] < '0' || version[5] > '9' || version[7] < '0' || version[7] > '9')
        return refuse(400, "malformed request line");
    if (version != "HTTP/1.1" && version != "HTTP/1.0")
        return refuse(505, "only HTTP/1.1 is spoken");
    minor_version_ = version[7] - '0';
    const auto from = static_cast<std::uint32_t>(line_from_);
    method_ = {from, static_cast<std::uint32_t>(method_end)};
    const std::string_view method = method_.of(buffer);
    if (!all_in(token_bytes, method))
        return refuse(400, "malformed request line");
    if (method.size() > longest_method || !is_known_method(method))
        return refuse(501, "method not implemented");
    return read_target(buffer, {static_cast<std::uint32_t>(from + method_end + 1),
                                static_cast<std::uint32_t>(target_end - method_end - 1)}) &&
           next(State::headers);
}

// /path?query, or the same behind http://authority as a proxy is sent it, or * for OPTIONS.
bool RequestParser::read_target(std::string_view buffer, Span target) {
    std::string_view text = target.of(buffer);
    for (const std::string_view scheme : {"http://", "https://"})
        if (text.size() > scheme.size() && same_name(text.substr(0, scheme.size()), scheme)) {
            const std::size_t path = std::min(text.find_first_of("/?", scheme.size()), text.size());
            authority_ = {static_cast<std::uint32_t>(target.from + scheme.size()),
                          static_cast<std::uint32_t>(path - scheme.size())};
            absolute_ = true;
            target = {static_cast<std::uint32_t>(target.from + path),
                      static_cast<std::uint32_t>(target.size - path)};
            text = target.of(buffer);
            break;
        }
    const std::size_t question = std::min(text.find('?'), text.size());
    path_ = {target.from, static_cast<std::uint32_t>(question)};
    if (question < text.size())
        query_ = {static_cast<std::uint32_t>(target.from + question + 1),
                  static_cast<std::uint32_t>(text.size() - question - 1)};
    const bool of_server = text == "*" && method_.of(buffer) == "OPTIONS" && !absolute_;
    if (!of_server && (text.empty() || text.front() != '/'))
        return refuse(400, "malformed target");
    if (!all_in(path_bytes, path_.of(buffer)) || !all_in(query_bytes, query_.of(buffer)) ||
        !escapes_are_whole(text))
        return refuse(400, "malformed target");
    return true;
}

bool RequestParser::read_header(std::string_view buffer) {
    std::string_view line;
    if (!next_line(buffer, limits_->header_bytes - std::min(header_bytes_, limits_->header_bytes),
                   431, line))
        return false;
    header_bytes_ += line.size() + 2;
    if (line.empty())
        return finish_head(buffer);
    if (header_bytes_ > limits_->header_bytes)
        return refuse(431, "headers too large");
    if (fields_.size() >= limits_->headers)
        return refuse(431, "too many headers");
    const std::size_t colon = line.find(':');
    if (colon == line.npos || colon == 0 || !all_in(token_bytes, line.substr(0, colon)))
        return refuse(400, "malformed header"); // also a folded one, and blanks before the colon
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (!all_in(value_bytes, value))
        return refuse(400, "control character in a header");
    const auto from = static_cast<std::uint32_t>(line_from_);
    fields_.push_back({{from, static_cast<std::uint32_t>(colon)},
                       {static_cast<std::uint32_t>(value.data() - buffer.data()),
                        static_cast<std::uint32_t>(value.size())}});
    if (value.empty())
        fields_.back().value.from = from;
    return note_header(line.substr(0, colon), value);
}

// The headers that decide where the request ends, or that must not mean two things at once.
bool RequestParser::note_header(std::string_view name, std::string_view value) {
    if (name.size() == 10 && same_name(name, "connection"))
        return note_connection(value);
    const unsigned bit = once_bit(name);
    if (bit == 0)
        return true;
    if (seen_ & bit)
        return refuse(400, "repeated header");
    seen_ |= bit;
    switch (bit) {
    case host:
        host_ = fields_.back().value;
        if (value.empty() || !all_in(host_bytes, value))
            return refuse(400, "malformed Host");
        return true;
    case content_length:
        return read_digits(value, content_length_) || refuse(400, "malformed Content-Length");
    case transfer_encoding:
        chunked_ = same_name(value, "chunked");
        return chunked_ || refuse(501, "transfer coding not implemented");
    case expect:
        expects_ = same_name(value, "100-continue");
        return expects_ || refuse(417, "unknown expectation");
    default:
        return true;
    }
}

bool RequestParser::note_connection(std::string_view value) {
    while (true) {
        const std::size_t comma = value.find(',');
        const std::string_view option = trimmed(value.substr(0, comma));
        close_ = close_ || same_name(option, "close");
        keep_ = keep_ || same_name(option, "keep-alive");
        if (comma == value.npos)
            return true;
        value.remove_prefix(comma + 1);
    }
}

bool RequestParser::finish_head(std::string_view buffer) {
    keep_alive_ = !close_ && (minor_version_ == 1 || keep_);
    if (minor_version_ == 1 && !(seen_ & host))
        return refuse(400, "missing Host");
    if (absolute_ && !same_name(authority_.of(buffer), host_.of(buffer)))
        return refuse(400, "the target and Host name two servers");
    if (chunked_ && ((seen_ & content_length) || minor_version_ == 0))
        return refuse(400, "Transfer-Encoding where it must not be");
    body_from_ = body_end_ = at_;
    if (chunked_)
        return next(State::chunk_size);
    expects_ = expects_ && content_length_ > 0 && minor_version_ == 1;
    const std::string_view method = method_.of(buffer);
    if (minor_version_ == 0 && !(seen_ & content_length) && !method.empty() && method[0] == 'P')
        return refuse(411, "Content-Length is needed");
    if (content_length_ > limits_->body)
        return refuse(413, "body too large");
    left_ = content_length_;
    return next(State::body);
}

bool RequestParser::take_expectation() {
    const bool waiting = expects_ && state_ != State::line && state_ != State::headers;
    expects_ = expects_ && !waiting;
    return waiting;
}

void RequestParser::fill(std::string_view buffer, Request &request) const {
    request.method = method_.of(buffer);
    request.path = path_.of(buffer);
    request.query = query_.of(buffer);
    request.minor_version = minor_version_;
    request.headers.clear();
    for (const Field &field : fields_)
        request.headers.push_back({field.name.of(buffer), field.value.of(buffer)});
    request.body = buffer.substr(body_from_, body_end_ - body_from_);
}

} // namespace pg_principal::http
