// Where CLI11 takes what was typed otherwise than it is meant here.
#pragma once

#include <string>
#include <vector>

#include "cli/app.hpp"

namespace pg_principal::cli {

// As CLI11 parses them: the last one first.
std::vector<std::string> arguments_of(int argc, const char *const *argv);

// What was typed in the wrong place may be a secret: only a flag's name or a plain word is
// repeated.
std::string describe_extra(const std::vector<std::string> &extras);

// For the help alone: what CLI11 makes of their values differs from version to version.
void name_variables(CLI::App &root, const Verb &verb);

} // namespace pg_principal::cli
