#include "issuers/fetch.hpp"

#include <algorithm>
#include <cstdint>
#include <future>
#include <memory>
#include <thread>
#include <utility>

#include <netdb.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <httplib.h>

#include "base/failure.hpp"
#include "base/terminal.hpp"
#include "base/text.hpp"
#include "core/base/text.hpp"
#include "http/message.hpp"
#include "http/tls.hpp"

namespace pg_principal::issuers {

using namespace http;

namespace {

constexpr std::size_t most_addresses = 3;

struct Url {
    std::string host, port, target;
    std::string authority() const {
        const std::string name = host.find(':') == host.npos ? host : "[" + host + "]";
        return port == "443" ? name : name + ":" + port;
    }
};

Url parse_url(const std::string &text) {
    constexpr std::string_view scheme = "https://";
    if (text.compare(0, scheme.size(), scheme) != 0)
        throw Failure("it is not an https:// URL");
    const std::size_t end = std::min(text.find_first_of("/?#", scheme.size()), text.size());
    const std::string_view authority =
        std::string_view(text).substr(scheme.size(), end - scheme.size());
    if (authority.find('@') != authority.npos)
        throw Failure("it has a user before its host, and is fetched without credentials");
    const auto parts = HostAndPort::parse(authority);
    const std::string port(parts ? parts->port.value_or("443") : "");
    if (!is_port(port) || std::stoi(port) == 0 || !is_host(parts->host))
        throw Failure("it is not an https:// URL");
    // in small letters, as the library compares it with the names of a certificate
    Url url{lower_ascii(parts->host), port, text.substr(end, text.find('#') - end)};
    if (url.target.empty() || url.target.front() != '/')
        url.target.insert(0, "/");
    return url;
}

std::vector<Address> addresses_of(const std::string &host) {
    addrinfo hints = {}, *found = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    if (const int error = getaddrinfo(host.c_str(), nullptr, &hints, &found))
        throw Failure(std::string("its name is not found: ") + gai_strerror(error));
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> list(found, freeaddrinfo);
    std::vector<Address> addresses;
    for (const addrinfo *one = found; one; one = one->ai_next) {
        char text[NI_MAXHOST];
        if (getnameinfo(one->ai_addr, one->ai_addrlen, text, sizeof text, nullptr, 0,
                        NI_NUMERICHOST) == 0)
            if (const auto address = Address::parse(text)) // none with a zone: link-local
                addresses.push_back(*address);
    }
    if (addresses.empty())
        throw Failure("its name is not found: no address");
    return addresses;
}

template <class Client>
auto keep_path(Client &client, int) -> decltype(client.set_path_encode(false)) {
    client.set_path_encode(false);
}
template <class Client> // older versions have it under another name
auto keep_path(Client &client, long) -> decltype(client.set_url_encode(false)) {
    client.set_url_encode(false);
}

// The library believes a subject's common name, too, where the certificate has other names (RFC
// 9525, section 6.3): OpenSSL, which looks first, does not.
void demand_name(SSL_CTX *context, const std::string &host) {
    X509_VERIFY_PARAM *rules = SSL_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (!(Address::parse(host) ? X509_VERIFY_PARAM_set1_ip_asc(rules, host.c_str())
                               : X509_VERIFY_PARAM_set1_host(rules, host.data(), host.size())))
        throw Failure("its name cannot be looked for in a certificate");
}

bool is_plain(const std::string &value) {
    return value.size() <= 1000 &&
           std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c < 0x7f; });
}

// Several lines are one list (RFC 9110, section 5.3).
std::string whole_header(const httplib::Response &response, const char *name) {
    std::string value;
    const auto [first, last] = response.headers.equal_range(name);
    for (auto line = first; line != last; ++line)
        value += (line == first ? "" : ", ") + line->second;
    return value;
}

std::string described(httplib::Error error) {
    switch (error) {
    case httplib::Error::Connection:
    case httplib::Error::ConnectionTimeout:
        return "it cannot be connected to";
    case httplib::Error::SSLConnection:
        return "it does not speak TLS";
    case httplib::Error::SSLLoadingCerts:
        return "the certificates of authorities cannot be read";
    case httplib::Error::SSLServerVerification:
        return "its certificate is not one for its name of a known authority";
    case httplib::Error::Read:
        return "its answer broke off";
    default:
        return "it gave no answer: " + httplib::to_string(error);
    }
}

} // namespace

// Cuts the connection when time is over, when too much has come, or when it is told to stop: the
// library's own limits are between two bytes.
class Fetcher::Watch {
  public:
    Watch(Fetcher &fetcher, Clock::time_point until)
        : fetcher_(fetcher), until_(until), thread_([this] { wait(); }) {}
    ~Watch() {
        {
            const std::lock_guard<std::mutex> lock(fetcher_.mutex_);
            done_ = true;
        }
        fetcher_.changed_.notify_all();
        thread_.join();
        if (socket_ >= 0)
            ::close(socket_);
    }
    Watch(const Watch &) = delete;
    Watch &operator=(const Watch &) = delete;

    // A descriptor of its own: the library's may be closed, and be another's, when it is needed.
    void take(int socket) {
        const std::lock_guard<std::mutex> lock(fetcher_.mutex_);
        if (socket_ >= 0)
            ::close(socket_);
        socket_ = ::dup(socket);
        if (!why_.empty() || socket_ < 0)
            ::shutdown(socket, SHUT_RDWR);
    }
    void count(std::size_t bytes) {
        received_ += bytes;
        if (received_ > 2 * fetcher_.rules_.bytes + (std::size_t{128} << 10))
            cut("it sends too much");
    }
    void cut(const char *why) {
        const std::lock_guard<std::mutex> lock(fetcher_.mutex_);
        cut_locked(why);
    }
    // Why it was cut; "" when it was not.
    std::string why() {
        const std::lock_guard<std::mutex> lock(fetcher_.mutex_);
        return why_;
    }
    // The sizes of what comes, before it is decrypted: headers and certificates count, too.
    static void at_message(int is_sent, int, int type, const void *data, std::size_t size, SSL *,
                           void *watch) {
        if (is_sent || type != SSL3_RT_HEADER || size < 5)
            return;
        const auto *header = static_cast<const unsigned char *>(data);
        static_cast<Watch *>(watch)->count(5U + (header[3] << 8U | header[4]));
    }

  private:
    void cut_locked(const char *why) {
        if (why_.empty())
            why_ = why;
        if (socket_ >= 0)
            ::shutdown(socket_, SHUT_RDWR);
    }
    void wait() {
        std::unique_lock<std::mutex> lock(fetcher_.mutex_);
        const bool ended = fetcher_.changed_.wait_until(
            lock, until_, [this] { return done_ || fetcher_.stopped_; });
        if (!done_)
            cut_locked(ended ? "stopped" : "it takes too long");
    }

    Fetcher &fetcher_;
    const Clock::time_point until_;
    bool done_ = false;
    int socket_ = -1;
    std::string why_;
    std::size_t received_ = 0; // of the thread that fetches
    std::thread thread_;       // last: it uses the others
};

// Beside the one that waits: a resolver that does not answer cannot be told to stop.
std::vector<Address> Fetcher::look_up(const std::string &host, Clock::time_point until) {
    std::packaged_task<std::vector<Address>()> task([host] { return addresses_of(host); });
    std::future<std::vector<Address>> answer = task.get_future();
    std::thread(std::move(task)).detach();
    while (answer.wait_until(std::min(until, Clock::now() + milliseconds(100))) !=
           std::future_status::ready) {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (stopped_)
            throw Failure("stopped");
        if (Clock::now() >= until)
            throw Failure("its name is not found in time");
    }
    const std::vector<Address> addresses = answer.get();
    std::vector<Address> good;
    for (const Address &address : addresses)
        if ((is_public(address) || contains(rules_.allowed, address)) &&
            std::find(good.begin(), good.end(), address) == good.end())
            good.push_back(address);
    if (good.empty())
        throw Failure("its address " + addresses.front().text() + " is not public");
    good.resize(std::min(good.size(), most_addresses));
    return good;
}

Fetched Fetcher::get(const std::string &text) {
    block_pipe_signal();
    const Clock::time_point until = Clock::now() + rules_.time;
    const Url url = parse_url(text);
    Watch watch(*this, until);
    const httplib::Headers headers = {{"Host", url.authority()},
                                      {"Accept", "application/json, */*"},
                                      {"Accept-Encoding", "identity"},
                                      {"User-Agent", rules_.user_agent}};
    std::string problem = "it cannot be connected to";
    for (const Address &address : look_up(url.host, until)) {
        httplib::SSLClient client(url.host, std::stoi(url.port));
        client.enable_server_certificate_verification(true);
        if (!rules_.authorities.empty())
            client.set_ca_cert_path(rules_.authorities);
        // to this address and no other, whatever the name means a moment later
        client.set_hostname_addr_map({{url.host, address.text()}});
        client.set_follow_location(false);
        client.set_keep_alive(false);
        client.set_decompress(false);
        keep_path(client, 0);
        // No whole seconds: with one, newer versions hand even an address to getaddrinfo_a, whose
        // threads outlive what they write to.
        const std::chrono::microseconds connecting = std::min(rules_.time, milliseconds(3000));
        client.set_connection_timeout(0, connecting.count());
        client.set_read_timeout(rules_.time);
        client.set_write_timeout(rules_.time);
        client.set_socket_options([&watch](int socket) { watch.take(socket); });
        SSL_CTX *context = context_of(client, 0);
        SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
        demand_name(context, url.host);
        SSL_CTX_set_msg_callback(context, Watch::at_message);
        SSL_CTX_set_msg_callback_arg(context, &watch);

        Fetched fetched;
        problem.clear();
        const auto at_headers = [&](const httplib::Response &response) {
            if (response.status != 200)
                problem = "it answers " + std::to_string(response.status) +
                          (response.status / 100 == 3 ? ", which is not followed" : "");
            for (const auto &[name, to] :
                 {std::pair{"Cache-Control", &fetched.cache_control},
                  std::pair{"Expires", &fetched.expires}, std::pair{"Date", &fetched.date},
                  std::pair{"Age", &fetched.age}})
                if (std::string value = whole_header(response, name); is_plain(value))
                    *to = std::move(value);
            return problem.empty();
        };
        const auto at_piece = [&](const char *data, std::size_t size) {
            if (fetched.body.size() + size > rules_.bytes)
                problem = "it is longer than " + std::to_string(rules_.bytes >> 10) + " kB";
            else
                fetched.body.append(data, size);
            return problem.empty();
        };
        const httplib::Result result = client.Get(url.target, headers, at_headers, at_piece);
        if (const std::string why = watch.why(); !why.empty())
            throw Failure(why);
        if (!problem.empty())
            throw Failure(problem);
        if (result && result->status != 200) // without a body nobody is told of its head
            throw Failure("it answers " + std::to_string(result->status));
        if (result)
            return fetched;
        problem = described(result.error());
        if (result.error() != httplib::Error::Connection &&
            result.error() != httplib::Error::ConnectionTimeout)
            break;
    }
    throw Failure(problem);
}

void Fetcher::stop() noexcept {
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        stopped_ = true;
    }
    changed_.notify_all();
}

} // namespace pg_principal::issuers
