// The console: files for a browser below /console/, read once, when the server starts.
#pragma once

#include <ostream>
#include <string>

#include "http/routes.hpp"

namespace pg_principal::cli {

// `folder` is where the files are; "" is where `make install` puts them beside the command, "off"
// serves none. Says so when they are not there: the rest is served all the same.
void add_console(http::RouteTable &routes, const std::string &folder, std::ostream &err);

} // namespace pg_principal::cli
