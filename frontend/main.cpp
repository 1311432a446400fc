#include <iostream>

#include <unistd.h>

#include "serve/serve.hpp"

int main(int argc, char **argv) {
    pg_principal::cli::Streams streams{std::cin, std::cout, std::cerr, isatty(STDOUT_FILENO) != 0,
                                       isatty(STDERR_FILENO) != 0};
    return pg_principal::cli::run(argc, argv, streams, pg_principal::cli::add_serve_command);
}
