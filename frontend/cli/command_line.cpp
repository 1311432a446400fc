#include "cli/command_line.hpp"

#include <algorithm>

#include <CLI/CLI.hpp>

#include "core/base/bytes.hpp"
#include "core/base/text.hpp"

namespace pg_principal::cli {

namespace {

// CLI11 takes --email= for a flag without a value; it is a value that is empty.
std::vector<std::string> split_empty_values(int argc, const char *const *argv) {
    std::vector<std::string> arguments;
    for (int i = 1; i < argc; ++i) {
        std::string argument = argv[i];
        const bool empty_value = argument.size() > 3 && argument.compare(0, 2, "--") == 0 &&
                                 argument.find('=') == argument.size() - 1;
        if (empty_value)
            argument.pop_back();
        arguments.push_back(std::move(argument));
        if (empty_value)
            arguments.emplace_back();
    }
    return arguments;
}

// A key id that is a thumbprint (RFC 7638), of which one in 64 begins with a dash.
bool is_dashed_thumbprint(const std::string &argument) {
    std::string bytes;
    return argument.size() == 43 && argument[0] == '-' && base64url_decode(argument, bytes);
}

// CLI11 takes such a key id for options: it goes to the end, behind a --. What stands right after
// an option's name is that option's value, and stays.
std::vector<std::string> move_key_ids_behind(const std::vector<std::string> &arguments) {
    std::vector<std::string> kept, moved;
    bool is_value = false;
    for (auto one = arguments.begin(); one != arguments.end(); ++one) {
        if (*one == "--") {
            moved.insert(moved.end(), one + 1, arguments.end());
            break;
        }
        const bool is_key_id = !is_value && is_dashed_thumbprint(*one);
        (is_key_id ? moved : kept).push_back(*one);
        is_value = !is_value && !is_key_id && one->compare(0, 2, "--") == 0 &&
                   one->find('=') == std::string::npos;
    }
    if (!moved.empty()) {
        kept.emplace_back("--");
        kept.insert(kept.end(), moved.begin(), moved.end());
    }
    return kept;
}

} // namespace

std::vector<std::string> arguments_of(int argc, const char *const *argv) {
    std::vector<std::string> arguments = move_key_ids_behind(split_empty_values(argc, argv));
    std::reverse(arguments.begin(), arguments.end());
    return arguments;
}

std::string describe_extra(const std::vector<std::string> &extras) {
    const auto extra = std::find_if(extras.begin(), extras.end(),
                                    [](const std::string &one) { return one != "--"; });
    const std::string argument = extra == extras.end() ? "" : *extra;
    if (argument.size() > 2 && argument.substr(0, 2) == "--")
        return "unknown option " +
               quote_for_message(argument.substr(0, std::min(argument.find('='), std::size_t{30})));
    if (argument.size() > 1 && argument[0] == '-')
        return "unknown option " + quote_for_message(argument.substr(0, 2));
    const bool word = argument.size() <= 16 &&
                      std::all_of(argument.begin(), argument.end(),
                                  [](char c) { return (c >= 'a' && c <= 'z') || c == '-'; });
    return word ? "unknown verb or argument " + quote_for_message(argument)
                : "an argument that is not expected";
}

// --max-body is also PG_PRINCIPAL_SERVE_MAX_BODY.
std::string variable_of(const Verb &verb, const Option &option) {
    std::string name = *option.variable ? option.variable : verb.variables;
    if (*option.variable || name.empty())
        return name;
    for (const char c : std::string_view(option.name).substr(2))
        name += c == '-' ? '_' : static_cast<char>(c - 'a' + 'A');
    return name;
}

void name_variables(CLI::App &root, const Verb &verb) {
    CLI::App &command = *root.get_subcommand(verb.name);
    for (const Option &option : verb.options)
        command.get_option(option.name)->envname(variable_of(verb, option));
}

} // namespace pg_principal::cli
