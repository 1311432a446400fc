// The device authorization grant (RFC 8628): its endpoint and its page.
#pragma once

#include "api/routes.hpp"

namespace pg_principal::oauth {

void add_device_routes(http::RouteTable &routes, const api::SharedBackend &backend);

// Where people are, not clients: what is refused there is told in HTML.
bool is_page(std::string_view path);

} // namespace pg_principal::oauth
