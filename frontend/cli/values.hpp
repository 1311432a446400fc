// Whole files in memory, up to a limit.
#pragma once

#include <cstddef>
#include <istream>
#include <string>

namespace pg_principal::cli {

// One byte more than the limit is returned when there is more, so that the caller sees it.
std::string read_file(const std::string &path, std::size_t limit);
std::string read_stream(std::istream &in, std::size_t limit);

// A key or a token, which is never an argument: of an environment variable, or of a file without
// its last newline. Throws Failure, which repeats nothing of it.
std::string read_secret(const std::string &variable, const std::string &file);

// A JWK Set, without the byte order mark that some publish it with.
std::string read_key_set(const std::string &file);

} // namespace pg_principal::cli
