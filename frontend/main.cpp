#include <cstdlib>
#include <iostream>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

#include "serve/serve.hpp"

namespace {

std::string_view variable(const char *name) {
    const char *value = std::getenv(name);
    return value != nullptr ? value : "";
}

// A terminal that knows no escape sequences says so by TERM.
bool takes_escapes(int file) { return isatty(file) != 0 && variable("TERM") != "dumb"; }

// A standard file that the caller closed would be the next one opened: a connection to the database
// or a client, which would then be sent what is printed. In its place stands one that takes nothing.
void take_standard_places() {
    for (const int file : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if (fcntl(file, F_GETFD) < 0 &&
            open("/dev/null", file == STDIN_FILENO ? O_WRONLY : O_RDONLY) != file)
            std::_Exit(1);
}

} // namespace

int main(int argc, char **argv) {
    take_standard_places();
    pg_principal::cli::Streams streams{std::cin, std::cout, std::cerr};
    streams.styles = takes_escapes(STDOUT_FILENO) && variable("NO_COLOR").empty();
    streams.progress = takes_escapes(STDERR_FILENO);
    return pg_principal::cli::run(argc, argv, streams, &pg_principal::cli::serve_verb);
}
