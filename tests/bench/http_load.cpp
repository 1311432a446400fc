// A load generator that looks at each connection: as many as told, each with one request underway,
// all in one thread. `get` asks for a path with the bearer token that is the connection's;
// `refresh` shows its refresh token, and goes on from the next one where the answer brings one;
// `idle` asks once and then keeps its connections, anew where they are closed.
//
// Usage: http_load get|refresh|idle PORT PATH CONNECTIONS SECONDS [TOKENS, one a line]
//
// Prints: answers per second, their p99 in microseconds, the slowest connection's part of the
// fastest's, how often the answer was not 200 or the connection was closed, answers.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const char *what) {
    std::perror(what);
    std::exit(1);
}

struct Connection {
    int socket = -1;
    std::string token, received;
    Clock::time_point sent;
    unsigned long answered = 0;
};

class Load {
  public:
    Load(std::string_view kind, int port, std::string path, std::size_t connections,
         const std::vector<std::string> &tokens)
        : refreshes_(kind == "refresh"), idles_(kind == "idle"), path_(std::move(path)),
          connections_(connections) {
        epoll_ = epoll_create1(0);
        address_.sin_family = AF_INET;
        address_.sin_port = htons(static_cast<std::uint16_t>(port));
        address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        for (std::size_t i = 0; i < connections; ++i) {
            if (!tokens.empty())
                connections_[i].token = tokens[i % tokens.size()];
            open(connections_[i]);
        }
    }

    void run(std::chrono::milliseconds time) {
        for (Connection &connection : connections_)
            send(connection);
        // Not before there is something to tell, where the machine is slow; but not for ever.
        const std::size_t least = idles_ ? 0 : std::max<std::size_t>(400, 10 * connections_.size());
        const Clock::time_point begin = Clock::now(), end = begin + time, last = begin + 20 * time;
        while (Clock::now() < end || (times_.size() < least && Clock::now() < last)) {
            epoll_event events[64];
            const int count = epoll_wait(epoll_, events, 64, 100);
            for (int i = 0; i < count; ++i)
                receive(connections_[events[i].data.u64]);
        }
        report(std::chrono::duration<double>(Clock::now() - begin).count());
    }

  private:
    void open(Connection &connection) {
        connection.socket = ::socket(AF_INET, SOCK_STREAM, 0);
        if (connect(connection.socket, reinterpret_cast<sockaddr *>(&address_), sizeof address_) !=
            0)
            fail("connect");
        const int on = 1;
        setsockopt(connection.socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        epoll_event event = {};
        event.events = EPOLLIN;
        event.data.u64 = static_cast<std::uint64_t>(&connection - connections_.data());
        epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.socket, &event);
    }

    void send(Connection &connection) {
        std::string text = (refreshes_ ? "POST " : "GET ") + path_ + " HTTP/1.1\r\nHost: x\r\n";
        if (refreshes_) {
            const std::string body = "{\"refreshToken\":\"" + connection.token + "\"}";
            text +=
                "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
                "\r\n\r\n" + body;
        } else {
            if (!connection.token.empty())
                text += "Authorization: Bearer " + connection.token + "\r\n";
            text += "\r\n";
        }
        connection.sent = Clock::now();
        // one that the server has closed shows when it is read from
        [[maybe_unused]] const ssize_t sent =
            ::send(connection.socket, text.data(), text.size(), MSG_NOSIGNAL);
    }

    void receive(Connection &connection) {
        char buffer[16384];
        const ssize_t got = recv(connection.socket, buffer, sizeof buffer, 0);
        if (got <= 0) {
            ++bad_;
            close(connection.socket);
            connection.received.clear();
            open(connection);
            return send(connection);
        }
        std::string &text = connection.received;
        text.append(buffer, static_cast<std::size_t>(got));
        const std::size_t head = text.find("\r\n\r\n");
        constexpr std::string_view length = "Content-Length: ";
        const std::size_t at = head == text.npos ? head : text.find(length);
        if (at == text.npos ||
            text.size() < head + 4 + std::strtoul(text.c_str() + at + length.size(), nullptr, 10))
            return;
        times_.push_back(std::chrono::duration<float>(Clock::now() - connection.sent).count());
        ++connection.answered;
        if (text.compare(9, 3, "200") != 0)
            ++bad_;
        else if (refreshes_)
            take_token(connection);
        text.clear();
        if (!idles_)
            send(connection);
    }

    static void take_token(Connection &connection) {
        constexpr std::string_view field = "\"refreshToken\": \"";
        const std::size_t found = connection.received.find(field), at = found + field.size();
        if (found != std::string::npos)
            connection.token =
                connection.received.substr(at, connection.received.find('"', at) - at);
    }

    void report(double seconds) {
        if (times_.empty()) {
            std::printf("0 0 0 %lu 0\n", bad_);
            return;
        }
        const std::size_t count = times_.size(), rank = count * 99 / 100;
        std::nth_element(times_.begin(), times_.begin() + static_cast<std::ptrdiff_t>(rank),
                         times_.end());
        const auto [slowest, fastest] = std::minmax_element(
            connections_.begin(), connections_.end(),
            [](const Connection &a, const Connection &b) { return a.answered < b.answered; });
        std::printf("%.0f %.0f %.3f %lu %zu\n", static_cast<double>(count) / seconds,
                    static_cast<double>(times_[rank]) * 1e6,
                    static_cast<double>(slowest->answered) /
                        static_cast<double>(std::max(fastest->answered, 1ul)),
                    bad_, count);
    }

    const bool refreshes_, idles_;
    const std::string path_;
    int epoll_ = -1;
    sockaddr_in address_ = {};
    std::vector<Connection> connections_;
    std::vector<float> times_;
    unsigned long bad_ = 0;
};

} // namespace

int main(int argc, char **argv) {
    if (argc < 6)
        return 2;
    std::vector<std::string> tokens;
    if (argc > 6) {
        std::ifstream file(argv[6]);
        for (std::string line; std::getline(file, line);)
            tokens.push_back(line);
    }
    Load load(argv[1], std::atoi(argv[2]), argv[3], std::strtoul(argv[4], nullptr, 10), tokens);
    load.run(std::chrono::milliseconds(static_cast<int>(std::atof(argv[5]) * 1000)));
}
