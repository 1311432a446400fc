// The device authorization grant (RFC 8628): its endpoint, and the page where a person lets a
// device in (section 3.3).
#pragma once

#include <string>
#include <string_view>

#include "api/routes.hpp"

namespace pg_principal::oauth {

void add_device_routes(http::RouteTable &routes, const api::SharedBackend &backend);

// Where people are, not clients: what is refused there is told in HTML.
bool is_page(std::string_view path);

// The page: three states of plain HTML, without scripts and cookies.
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
