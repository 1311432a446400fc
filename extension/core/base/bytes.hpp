// Byte strings: encodings that accept one spelling only, comparison without timing, wiped memory.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pg_principal {

// Base64url without padding (RFC 4648 section 5, RFC 7515 section 2).
std::string base64url_encode(std::string_view bytes);
void base64url_append(std::string &out, std::string_view bytes);
// False for padding, whitespace, a foreign character, an impossible length or non-zero trailing
// bits. `out` is replaced and keeps its capacity; after false its content is unspecified.
bool base64url_decode(std::string_view text, std::string &out);

// Standard base64 with padding (RFC 4648 section 4), as strict as the above.
std::string base64_encode(std::string_view bytes);
bool base64_decode(std::string_view text, std::string &out);

std::string hex_encode(std::string_view bytes); // lower case
bool hex_decode(std::string_view text, std::string &out);

// Time depends on the lengths only.
bool constant_time_equal(std::string_view a, std::string_view b) noexcept;

// Overwrites memory in a way that the compiler cannot leave out.
void wipe(void *data, std::size_t size) noexcept;
void wipe(std::string &text) noexcept; // the whole capacity; leaves it empty

// For error messages: control characters replaced, cut at a character border.
std::string printable(std::string_view text, std::size_t max_bytes = 64);

// Wipes a string when the scope ends, however it ends.
class WipeOnExit {
  public:
    explicit WipeOnExit(std::string &text) noexcept : text_(text) {}
    ~WipeOnExit() { wipe(text_); }
    WipeOnExit(const WipeOnExit &) = delete;
    WipeOnExit &operator=(const WipeOnExit &) = delete;

  private:
    std::string &text_;
};

// A secret in one heap block that is wiped when it is given up; it never moves and is never copied.
class Secret {
  public:
    Secret() noexcept = default;
    explicit Secret(std::string_view bytes);
    // Takes the bytes over and wipes the string.
    static Secret take(std::string &bytes);
    static Secret of_size(std::size_t size); // zero bytes, to be filled through data()
    Secret(Secret &&other) noexcept;
    Secret &operator=(Secret &&other) noexcept;
    Secret(const Secret &) = delete;
    Secret &operator=(const Secret &) = delete;
    ~Secret();

    std::string_view view() const noexcept { return {data_ ? data_ : "", size_}; }
    char *data() noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }

  private:
    char *data_ = nullptr;
    std::size_t size_ = 0;
};

} // namespace pg_principal
