// What is written where somebody reads it: errors, and text that others chose.
#pragma once

#include <ostream>
#include <string>
#include <string_view>

namespace pg_principal {

// `pg_principal: message`, then indented detail and hint, every line of them.
void print_error(std::ostream &err, std::string_view message, std::string_view detail = {},
                 std::string_view hint = {});

// A terminal obeys control characters: they become question marks.
std::string for_terminal(std::string_view text);

} // namespace pg_principal
