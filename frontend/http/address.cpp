#include "http/address.hpp"

#include <algorithm>
#include <charconv>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/failure.hpp"
#include "base/terminal.hpp"
#include "base/text.hpp"
#include "http/message.hpp"

namespace pg_principal::http {

namespace {

constexpr std::array<std::uint8_t, 12> v4_prefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

Address::Bytes masked(Address::Bytes bytes, unsigned bits) {
    for (unsigned i = 0; i < bytes.size(); ++i) {
        const unsigned kept = bits > i * 8 ? std::min(bits - i * 8, 8U) : 0;
        bytes[i] = static_cast<std::uint8_t>(bytes[i] & (0xff00U >> kept));
    }
    return bytes;
}

// Proxies write 1.2.3.4, 1.2.3.4:567, 2001:db8::1, [2001:db8::1] or [2001:db8::1]:567. Anything
// else, also the address that stands for none, is a client that nobody knows.
Address forwarded(std::string_view entry) {
    std::optional<HostAndPort> parts = HostAndPort::parse(entry);
    if (parts && !parts->is_bracketed && std::count(entry.begin(), entry.end(), ':') > 1)
        parts = {entry, {}, false};
    const std::optional<Address> address = parts ? Address::parse(parts->host) : std::nullopt;
    if (!address || (parts->port && !is_port(*parts->port)) ||
        (parts->is_bracketed && parts->host.find(':') == entry.npos))
        return {};
    return address->text() == "0.0.0.0" ? Address() : *address;
}

// The entries of all X-Forwarded-For lines, in the order in which they were written.
std::vector<std::string_view> forwarded_entries(const std::vector<Header> &headers) {
    std::vector<std::string_view> entries;
    for (const Header &header : headers)
        if (same_name(header.name, "x-forwarded-for"))
            for (const std::string_view entry : split(header.value, ','))
                entries.push_back(trimmed(entry));
    return entries;
}

} // namespace

std::optional<HostAndPort> HostAndPort::parse(std::string_view text) {
    const bool is_bracketed = text.substr(0, 1) == "[";
    const std::size_t end = text.find(is_bracketed ? ']' : ':');
    if (is_bracketed && end == text.npos)
        return std::nullopt;
    HostAndPort parts{text.substr(is_bracketed, end - is_bracketed), {}, is_bracketed};
    text.remove_prefix(std::min(text.size(), end + is_bracketed));
    if (!text.empty() && text.front() != ':')
        return std::nullopt;
    if (!text.empty())
        parts.port = text.substr(1);
    return parts;
}

bool is_port(std::string_view text) {
    std::uint64_t port = 0;
    return text.size() <= 5 && read_digits(text, port) && port <= 65535;
}

std::optional<Address> Address::parse(std::string_view text) {
    const bool is_v6 = text.find(':') != text.npos;
    if (text.find('\0') != text.npos || (!is_v6 && text.find('.') == text.npos))
        return std::nullopt;
    const std::string whole = (is_v6 ? "" : "::ffff:") + std::string(text);
    Address address;
    return inet_pton(AF_INET6, whole.c_str(), address.bytes_.data()) == 1 ? std::optional(address)
                                                                          : std::nullopt;
}

bool Address::is_v4() const {
    return std::equal(v4_prefix.begin(), v4_prefix.end(), bytes_.begin());
}

std::string Address::text() const {
    if (is_unknown())
        return "unknown";
    char buffer[INET6_ADDRSTRLEN] = "";
    if (is_v4())
        inet_ntop(AF_INET, bytes_.data() + 12, buffer, sizeof buffer);
    else
        inet_ntop(AF_INET6, bytes_.data(), buffer, sizeof buffer);
    return buffer;
}

Address Address::network() const {
    const Address wide(masked(bytes_, 64));
    return is_v4() || wide.is_unknown() ? *this : wide;
}

std::optional<Cidr> Cidr::parse(std::string_view text) {
    const std::size_t slash = text.find('/');
    const std::optional<Address> base = Address::parse(text.substr(0, slash));
    if (!base)
        return std::nullopt;
    const unsigned widest =
        base->is_v4() && text.substr(0, slash).find(':') == text.npos ? 32 : 128;
    unsigned bits = widest;
    if (slash != text.npos) {
        const char *const end = text.data() + text.size();
        const auto [stop, error] = std::from_chars(text.data() + slash + 1, end, bits);
        if (error != std::errc() || stop != end || bits > widest)
            return std::nullopt;
    }
    bits += 128 - widest;
    if (masked(base->bytes(), bits) != base->bytes())
        return std::nullopt;
    return Cidr(*base, bits);
}

bool Cidr::contains(const Address &address) const {
    return !address.is_unknown() && masked(address.bytes(), bits_) == base_.bytes();
}

std::vector<Cidr> address_ranges(const std::vector<std::string> &texts, const char *flag) {
    std::vector<Cidr> ranges;
    for (const std::string &text : texts) {
        const std::optional<Cidr> range = Cidr::parse(text);
        if (!range)
            throw UsageError(std::string(flag) + ": " + for_terminal(text) +
                                 " is not an address or range",
                             "For example 10.0.0.0/8 or 2001:db8::1.");
        ranges.push_back(*range);
    }
    return ranges;
}

bool contains(const std::vector<Cidr> &ranges, const Address &address) {
    return std::any_of(ranges.begin(), ranges.end(),
                       [&](const Cidr &range) { return range.contains(address); });
}

bool is_public(const Address &address) {
    // RFC 6890 and IANA's registries of special-purpose addresses
    static const std::vector<Cidr> special = [] {
        std::vector<Cidr> ranges;
        for (const char *text :
             {"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
              "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
              "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3", "2001::/23",
              "2001:db8::/32", "2002::/16", "3fff::/20"})
            ranges.push_back(*Cidr::parse(text));
        return ranges;
    }();
    static const Cidr global = *Cidr::parse("2000::/3");
    return (address.is_v4() || global.contains(address)) && !contains(special, address);
}

Address client_address(const Address &peer, const std::vector<Header> &headers,
                       const std::vector<Cidr> &proxies) {
    Address client = peer;
    if (proxies.empty() || !contains(proxies, peer))
        return client;
    const std::vector<std::string_view> entries = forwarded_entries(headers);
    const auto is_other = [](const Header &header) { return same_name(header.name, "forwarded"); };
    if (entries.empty() && std::any_of(headers.begin(), headers.end(), is_other))
        return {};
    for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
        client = forwarded(*entry);
        if (!contains(proxies, client))
            break;
    }
    return client;
}

} // namespace pg_principal::http
