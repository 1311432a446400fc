// Whole files in memory, up to a limit.
#pragma once

#include <cstddef>
#include <istream>
#include <string>

namespace pg_principal::cli {

// One byte more than the limit is returned when there is more, so that the caller sees it.
std::string read_file(const std::string &path, std::size_t limit);
std::string read_stream(std::istream &in, std::size_t limit);

} // namespace pg_principal::cli
