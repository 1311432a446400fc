#include "cli/progress.hpp"

#include <algorithm>
#include <cstdint>

#ifdef __linux__
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#endif

namespace pg_principal::cli {

namespace {

// libpq does not tell how much it has sent; the kernel knows what the other side has received.
std::optional<std::uint64_t> acknowledged_bytes([[maybe_unused]] int socket) {
#ifdef __linux__
    tcp_info info = {};
    socklen_t size = sizeof info;
    if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
        size >= offsetof(tcp_info, tcpi_bytes_acked) + sizeof info.tcpi_bytes_acked)
        return info.tcpi_bytes_acked;
#endif
    return std::nullopt;
}

} // namespace

std::string readable_bytes(std::uint64_t bytes) {
    if (bytes < 1000)
        return std::to_string(bytes) + " B";
    const bool mega = bytes >= 1'000'000;
    const std::uint64_t tenths = bytes / (mega ? 100'000 : 100);
    return std::to_string(tenths / 10) + '.' + std::to_string(tenths % 10) + (mega ? " MB" : " kB");
}

Progress::~Progress() {
    if (!shown_.empty())
        err_ << "\r\033[K" << std::flush;
}

void Progress::show(const std::string &text) {
    if (text == shown_)
        return;
    err_ << "\r\033[K" << text << std::flush;
    shown_ = text;
}

void Progress::sending(int socket, std::size_t total) {
    const std::optional<std::uint64_t> now = acknowledged_bytes(socket);
    if (!now)
        return show(what_ + ": sending " + readable_bytes(total));
    if (!acknowledged_before_)
        acknowledged_before_ = now;
    const std::uint64_t sent = std::min<std::uint64_t>(*now - *acknowledged_before_, total);
    show(what_ + ": " + readable_bytes(sent) + " of " + readable_bytes(total) + " sent");
}

void Progress::waiting(double seconds) {
    if (seconds >= 1)
        show(what_ + ": the server is at work, " + std::to_string(static_cast<long>(seconds)) +
             " s");
}

} // namespace pg_principal::cli
