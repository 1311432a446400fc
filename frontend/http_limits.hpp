// Every bound of the HTTP engine, in one place; none is left to a library's default.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace pg_principal::http {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

struct Limits {
    std::size_t request_line = 8 << 10;  // bytes; 414 beyond
    std::size_t header_bytes = 32 << 10; // of all header lines; a token may have 16 KiB
    std::size_t headers = 100;           // lines
    std::size_t body = 64 << 10;         // bytes after the chunks are joined; 413 beyond
    milliseconds request_time{15'000};   // from a request's first byte to its last
    milliseconds idle_time{60'000};      // between two requests
    milliseconds write_time{30'000};     // for a response that the client is slow to take
    std::uint32_t requests_per_connection = 10'000;
    std::uint32_t connections = 10'000;
    std::uint32_t connections_per_client = 256; // 0: as many as there may be
    std::size_t buffered_bytes = 256u << 20;    // of all requests and responses that wait
};

} // namespace pg_principal::http
