// Chunked bodies.
#include "http_parser.hpp"

#include <algorithm>
#include <cstring>

#include "http_syntax.hpp"

namespace pg_principal::http {

namespace {

constexpr std::size_t longest_chunk_line = 128;

} // namespace

bool RequestParser::read_chunk_size(std::string_view buffer) {
    std::string_view line;
    if (!next_line(buffer, longest_chunk_line, 400, line))
        return false;
    std::size_t digits = 0;
    std::uint64_t size = 0;
    for (; digits < line.size() && is_hex(line[digits]); ++digits) {
        const char c = line[digits];
        size = size << 4 | static_cast<std::uint64_t>(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
    }
    const std::string_view extension = line.substr(digits);
    if (digits == 0 || digits > 15 || (!extension.empty() && extension[0] != ';') ||
        !all_in(value_bytes, extension))
        return refuse(400, "malformed chunk");
    if (size > limits_->body - (body_end_ - body_from_))
        return refuse(413, "body too large");
    left_ = size;
    return next(size == 0 ? State::trailers : State::chunk_data);
}

bool RequestParser::read_chunk_data(std::string &buffer) {
    const std::size_t here = std::min<std::uint64_t>(left_, buffer.size() - at_);
    if (body_end_ != at_ && here > 0)
        std::memmove(buffer.data() + body_end_, buffer.data() + at_, here);
    body_end_ += here;
    at_ += here;
    left_ -= here;
    return left_ == 0 && next(State::chunk_end);
}

bool RequestParser::read_chunk_end(std::string_view buffer) {
    const std::string_view end = buffer.substr(at_, 2);
    if (end != std::string_view("\r\n", 2).substr(0, end.size()))
        return refuse(400, "malformed chunk");
    if (end.size() < 2)
        return false;
    at_ += 2;
    return next(State::chunk_size);
}

// Read like headers and forgotten: they came too late to mean anything.
bool RequestParser::read_trailer(std::string_view buffer) {
    std::string_view line;
    if (!next_line(buffer, limits_->header_bytes - std::min(header_bytes_, limits_->header_bytes),
                   431, line))
        return false;
    header_bytes_ += line.size() + 2;
    if (line.empty())
        return next(State::done);
    if (header_bytes_ > limits_->header_bytes)
        return refuse(431, "headers too large");
    const std::size_t colon = line.find(':');
    if (colon == line.npos || colon == 0 || !all_in(token_bytes, line.substr(0, colon)) ||
        !all_in(value_bytes, line.substr(colon + 1)))
        return refuse(400, "malformed trailer");
    return true;
}

} // namespace pg_principal::http
