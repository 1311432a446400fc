#include <cstdlib>
#include <iostream>
#include <string_view>

#include <unistd.h>

#include "serve/serve.hpp"

namespace {

std::string_view variable(const char *name) {
    const char *value = std::getenv(name);
    return value != nullptr ? value : "";
}

// A terminal that knows no escape sequences says so by TERM.
bool takes_escapes(int file) { return isatty(file) != 0 && variable("TERM") != "dumb"; }

} // namespace

int main(int argc, char **argv) {
    pg_principal::cli::Streams streams{std::cin, std::cout, std::cerr};
    streams.styles = takes_escapes(STDOUT_FILENO) && variable("NO_COLOR").empty();
    streams.progress = takes_escapes(STDERR_FILENO);
    return pg_principal::cli::run(argc, argv, streams, pg_principal::cli::add_serve_command);
}
