// The page where a person lets a device in (RFC 8628, section 3.3): three states of plain HTML,
// without scripts and cookies.
#pragma once

#include <string>
#include <string_view>

#include "http/message.hpp"

namespace pg_principal::oauth {

inline constexpr std::string_view page_path = "/oauth/device";

// Asks for the code and for who it is. said: why it is here again.
http::Response sign_in_page(int status, std::string_view user_code, std::string_view email,
                            std::string_view said);
// Asks for the decision; told: what auth.open_device_page() answers.
http::Response decision_page(std::string_view told, std::string_view user_code);
http::Response last_page(int status, std::string_view said);

// The message of a refusal, of which `body` is the JSON.
std::string message_of(std::string_view body);

} // namespace pg_principal::oauth
