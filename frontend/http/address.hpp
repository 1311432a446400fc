// Internet addresses: who the client is, and which proxies are believed about it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pg_principal::http {

struct Header;

// HOST, HOST:PORT, [HOST] or [HOST]:PORT, taken apart; what stands there may still be nonsense.
struct HostAndPort {
    std::string_view host;
    std::optional<std::string_view> port;
    bool is_bracketed;
    // Nothing for a bracket that is not closed, and for more behind it than a port.
    static std::optional<HostAndPort> parse(std::string_view text);
};
bool is_port(std::string_view text);

// IPv4 is kept in its IPv6 form (::ffff:1.2.3.4), so that one client has one address. The one that
// has none (::) is a client that nobody knows: it lies in no range, whatever the range.
class Address {
  public:
    using Bytes = std::array<std::uint8_t, 16>;
    Address() = default;
    explicit Address(const Bytes &bytes) : bytes_(bytes) {}
    // Without port or zone.
    static std::optional<Address> parse(std::string_view text);

    bool is_v4() const;
    bool is_unknown() const { return bytes_ == Bytes{}; }
    std::string text() const; // "unknown" where it is
    const Bytes &bytes() const { return bytes_; }
    // What one subscriber usually holds: an IPv4 address, a /64 of IPv6; except for ::1, whose /64
    // would hold the unknown address.
    Address network() const;
    bool operator==(const Address &other) const { return bytes_ == other.bytes_; }

  private:
    Bytes bytes_ = {};
};

class Cidr {
  public:
    // 10.0.0.0/8, 2001:db8::/32, or one address. Bits beyond the prefix must be zero.
    static std::optional<Cidr> parse(std::string_view text);
    bool contains(const Address &address) const;

  private:
    Cidr(const Address &base, unsigned bits) : base_(base), bits_(bits) {}
    Address base_;
    unsigned bits_;
};

// Those of a flag. Throws UsageError.
std::vector<Cidr> address_ranges(const std::vector<std::string> &texts, const char *flag);
bool contains(const std::vector<Cidr> &ranges, const Address &address);

// Whether it is somewhere in the Internet: neither this machine, nor a private or local network, nor
// one of many, nor an IPv6 address that stands for another of IPv4.
bool is_public(const Address &address);

// X-Forwarded-For read from its end for as long as the address that wrote the entry is a proxy of
// ours: the rightmost address that is none is the client. What stands left of it anybody may have
// written. An entry that is not an address, also an empty one, stands for a client that nobody
// knows, and never for the proxy. So does a Forwarded header (RFC 7239) by itself: it is not read.
Address client_address(const Address &peer, const std::vector<Header> &headers,
                       const std::vector<Cidr> &proxies);

} // namespace pg_principal::http
