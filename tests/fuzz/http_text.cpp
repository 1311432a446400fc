// What of a request we read ourselves: escapes, queries and forms, addresses and who forwarded for
// whom. Whatever stands there, what comes of it is clean, and reads as the same once more.
#include "fuzz.hpp"

#include <algorithm>

#include "core/base/utf8.hpp"
#include "http/message.hpp"

using namespace pg_principal;
using namespace pg_principal::http;

namespace {

bool is_clean(const std::string &text) {
    return is_utf8(text) && std::none_of(text.begin(), text.end(),
                                         [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

std::string escaped(const std::string &text) {
    std::string out;
    for (const unsigned char c : text) {
        out += '%';
        out += "0123456789ABCDEF"[c >> 4];
        out += "0123456789abcdef"[c & 15];
    }
    return out;
}

void check_form(const std::string &text) {
    const std::optional<Form> form = Form::parse(text);
    if (!form)
        return;
    std::string again;
    for (const auto &[name, value] : form->fields()) {
        fuzz::check(is_clean(name) && is_clean(value), "fields are clean");
        again += (again.empty() ? "" : "&") + escaped(name) + '=' + escaped(value);
    }
    const std::optional<Form> same = Form::parse(again);
    fuzz::check(same && same->fields() == form->fields(), "written down it is the same form");
}

void check_addresses(const std::string &text) {
    if (const std::optional<Address> address = Address::parse(text))
        fuzz::check(address->text() == "unknown" || Address::parse(address->text()) == address,
                    "an address reads as itself");
    const std::vector<Cidr> proxies = {*Cidr::parse("127.0.0.0/8"), *Cidr::parse("2001:db8::/32")};
    const Address stranger = *Address::parse("192.0.2.1");
    const std::vector<Header> headers = {{"X-Forwarded-For", text}};
    fuzz::check(client_address(stranger, headers, proxies) == stranger,
                "a stranger is not believed");
    client_address(*Address::parse("127.0.0.1"), headers, proxies);
    if (const std::optional<HostAndPort> parts = HostAndPort::parse(text)) {
        const std::string host(parts->host);
        std::string again = parts->is_bracketed ? '[' + host + ']' : host;
        if (parts->port)
            again.append(":").append(*parts->port);
        fuzz::check(again == text, "host and port put together are what was taken apart");
    }
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    const std::string text = fuzz::text_of(data, size);
    if (const std::optional<std::string> decoded = percent_decode(text)) {
        fuzz::check(is_clean(*decoded), "what was decoded is clean");
        fuzz::check(percent_decode(escaped(*decoded)) == decoded, "and decodes as itself");
    }
    check_form(text);
    check_addresses(text);
    return 0;
}
