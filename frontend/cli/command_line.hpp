// Where CLI11 takes what was typed otherwise than it is meant here, or says so otherwise from version
// to version.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace pg_principal::cli {

// As CLI11 parses them: the last one first.
std::vector<std::string> arguments_of(int argc, const char *const *argv);

// What was typed in the wrong place may be a secret: only a flag's name or a plain word is
// repeated.
std::string describe_extra(const std::vector<std::string> &extras);

// Of a variable whose value cannot be, CLI11 says so or, in later versions, takes it for not set:
// who sets it must hear of it.
void insist_on_variables(CLI::App &root);

// What is wrong with a value, by the name of the variable where it came from one: "--pool-size: ..."
// as "PG_PRINCIPAL_SERVE_POOL_SIZE: ...".
std::string by_variable(const CLI::App &root, int argc, const char *const *argv, std::string what);

} // namespace pg_principal::cli
