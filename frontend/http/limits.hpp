// Every bound of the HTTP server, in one place.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.hpp"

namespace pg_principal::http {

struct Limits {
    std::size_t headers = 100;         // lines; each, and the request line, has at most 8 KiB
    std::size_t body = 64 << 10;       // bytes after the chunks are joined; 413 beyond
    milliseconds request_time{15'000}; // between two pieces of a request
    milliseconds idle_time{2'000};     // between two requests, in whole seconds
    milliseconds write_time{30'000};   // between two pieces of a response
    std::uint32_t requests_per_connection = 10'000;
    std::uint32_t connections = 256; // at once, a thread each; others wait
};

} // namespace pg_principal::http
