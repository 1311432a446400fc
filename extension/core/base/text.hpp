// Text that strangers send: trimmed, lowered, checked for what hides, and quoted for a message.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace pg_principal {

// ASCII letters alone, whatever the locale.
std::string lower_ascii(std::string_view text);

// Nothing when the text is acceptable, else what is wrong, as the end of a sentence ("is blank"):
// valid UTF-8, something to see, nothing that hides but joiners and selectors where they
// belong, at most so many characters.
std::optional<std::string> check_text(std::string_view text, std::size_t max_characters);

// Trims ASCII whitespace at both ends.
std::string_view trim_ascii(std::string_view text);

// In double quotes, cut to a readable length, control characters and broken UTF-8 as \xNN.
std::string quote_for_message(std::string_view text);

} // namespace pg_principal
