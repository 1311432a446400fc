#include "core/base/bytes.hpp"

#include <array>
#include <cstdint>
#include <cstring>
#include <utility>

namespace pg_principal {

namespace {

constexpr char url_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr char std_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// One table per position, values already shifted; a foreign character sets the top bits.
constexpr std::uint32_t foreign = 0xff000000u;
using DecodeTable = std::array<std::array<std::uint32_t, 256>, 4>;

constexpr DecodeTable make_table(const char *alphabet) {
    DecodeTable table{};
    for (auto &position : table)
        for (auto &entry : position)
            entry = foreign;
    for (std::uint32_t i = 0; i < 64; ++i)
        for (std::uint32_t position = 0; position < 4; ++position)
            table[position][static_cast<unsigned char>(alphabet[i])] = i << (18 - 6 * position);
    return table;
}

constexpr DecodeTable url_table = make_table(url_alphabet);
constexpr DecodeTable std_table = make_table(std_alphabet);

bool decode_unpadded(const DecodeTable &table, std::string_view text, std::string &out) {
    const std::size_t rest = text.size() % 4;
    if (rest == 1) {
        out.clear();
        return false;
    }
    out.resize(text.size() / 4 * 3 + (rest ? rest - 1 : 0));
    const auto *in = reinterpret_cast<const unsigned char *>(text.data());
    char *to = out.data();
    std::uint32_t bad = 0;
    for (std::size_t i = text.size() / 4; i > 0; --i, in += 4, to += 3) {
        const std::uint32_t v =
            table[0][in[0]] | table[1][in[1]] | table[2][in[2]] | table[3][in[3]];
        bad |= v;
        to[0] = static_cast<char>(v >> 16);
        to[1] = static_cast<char>(v >> 8);
        to[2] = static_cast<char>(v);
    }
    if (rest) {
        std::uint32_t v = table[0][in[0]] | table[1][in[1]];
        if (rest == 3)
            v |= table[2][in[2]];
        to[0] = static_cast<char>(v >> 16);
        if (rest == 3)
            to[1] = static_cast<char>(v >> 8);
        bad |= v;
        // bits that stand for no byte must be zero, else one value has several spellings
        if (v & (rest == 3 ? 0xffu : 0xffffu))
            bad |= foreign;
    }
    return (bad & foreign) == 0;
}

void append_encoded(const char *alphabet, std::string &out, std::string_view bytes) {
    const auto *in = reinterpret_cast<const unsigned char *>(bytes.data());
    const std::size_t start = out.size();
    const std::size_t rest = bytes.size() % 3;
    out.resize(start + bytes.size() / 3 * 4 + (rest ? rest + 1 : 0));
    char *to = out.data() + start;
    for (std::size_t i = bytes.size() / 3; i > 0; --i, in += 3, to += 4) {
        to[0] = alphabet[in[0] >> 2];
        to[1] = alphabet[(in[0] & 3) << 4 | in[1] >> 4];
        to[2] = alphabet[(in[1] & 15) << 2 | in[2] >> 6];
        to[3] = alphabet[in[2] & 63];
    }
    if (rest) {
        const unsigned second = rest == 2 ? in[1] : 0;
        to[0] = alphabet[in[0] >> 2];
        to[1] = alphabet[(in[0] & 3) << 4 | second >> 4];
        if (rest == 2)
            to[2] = alphabet[(second & 15) << 2];
    }
}

int hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

} // namespace

std::string base64url_encode(std::string_view bytes) {
    std::string out;
    append_encoded(url_alphabet, out, bytes);
    return out;
}

void base64url_append(std::string &out, std::string_view bytes) {
    append_encoded(url_alphabet, out, bytes);
}

bool base64url_decode(std::string_view text, std::string &out) {
    return decode_unpadded(url_table, text, out);
}

std::string base64_encode(std::string_view bytes) {
    std::string out;
    append_encoded(std_alphabet, out, bytes);
    out.append((4 - out.size() % 4) % 4, '=');
    return out;
}

bool base64_decode(std::string_view text, std::string &out) {
    if (text.size() % 4 != 0) {
        out.clear();
        return false;
    }
    for (int i = 0; i < 2 && !text.empty() && text.back() == '='; ++i)
        text.remove_suffix(1);
    return decode_unpadded(std_table, text, out);
}

std::string hex_encode(std::string_view bytes) {
    constexpr char digits[] = "0123456789abcdef";
    std::string out(bytes.size() * 2, '\0');
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const auto byte = static_cast<unsigned char>(bytes[i]);
        out[2 * i] = digits[byte >> 4];
        out[2 * i + 1] = digits[byte & 15];
    }
    return out;
}

bool hex_decode(std::string_view text, std::string &out) {
    out.clear();
    if (text.size() % 2 != 0)
        return false;
    out.resize(text.size() / 2);
    for (std::size_t i = 0; i < out.size(); ++i) {
        const int high = hex_digit(text[2 * i]);
        const int low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = static_cast<char>(high << 4 | low);
    }
    return true;
}

void wipe(std::string &text) noexcept {
    // up to the capacity: a longer text may have been there before
    text.resize(text.capacity());
    wipe(text.data(), text.size());
    text.clear();
}

std::string printable(std::string_view text, std::size_t max_bytes) {
    if (text.size() > max_bytes) {
        std::size_t cut = max_bytes;
        for (int i = 0; i < 3 && cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xc0) == 0x80;
             ++i)
            --cut;
        text = text.substr(0, cut);
    }
    std::string out(text);
    for (char &c : out)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
            c = '?';
    return out;
}

Secret::Secret(std::string_view bytes) : Secret(of_size(bytes.size())) {
    if (!bytes.empty())
        std::memcpy(data_, bytes.data(), bytes.size());
}

Secret Secret::take(std::string &bytes) {
    const WipeOnExit guard(bytes);
    return Secret(bytes);
}

Secret Secret::of_size(std::size_t size) {
    Secret secret;
    if (size > 0)
        secret.data_ = new char[size]();
    secret.size_ = size;
    return secret;
}

Secret::Secret(Secret &&other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Secret &Secret::operator=(Secret &&other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
}

Secret::~Secret() {
    if (data_)
        wipe(data_, size_);
    delete[] data_;
}

} // namespace pg_principal
