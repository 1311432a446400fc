// Where CLI11 takes arguments otherwise than they are meant here, or says so otherwise from version
// to version.
#pragma once

#include <sstream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace pg_principal::cli {

// As CLI11 parses them: the last one first.
std::vector<std::string> arguments_of(int argc, const char *const *argv);

// What was typed in the wrong place may be a secret: only a flag's name or a plain word is
// repeated.
std::string describe_extra(const std::vector<std::string> &extras);

// Of a variable whose value cannot be, CLI11 says so or, in later versions, takes it for not set:
// who sets it must hear of it.
void insist_on_variables(CLI::App &verb);

// A range with a text that is the same in every version of CLI11.
template <class T>
CLI::Validator between(T least, T most) {
    std::ostringstream bounds;
    bounds.precision(10); // digits, no exponent
    bounds << " not in range " << least << " to " << most;
    const CLI::Range range(least, most);
    const auto check = [range, refusal = bounds.str()](const std::string &value) {
        return range(value).empty() ? std::string() : "Value " + value + refusal;
    };
    return CLI::Validator(check, range.get_description());
}

} // namespace pg_principal::cli
