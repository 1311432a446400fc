#include "cli/command_line.hpp"

#include <algorithm>
#include <cstdlib>

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

void insist_on_variables(CLI::App &root) {
    for (CLI::Option *option : root.get_options()) {
        const char *value =
            option->get_envname().empty() ? nullptr : std::getenv(option->get_envname().c_str());
        if (!value || !*value || option->count() != 0)
            continue;
        option->add_result(value);
        option->run_callback();
    }
    for (CLI::App *given : root.get_subcommands())
        insist_on_variables(*given);
}

std::string by_variable(const CLI::App &root, int argc, const char *const *argv, std::string what) {
    for (const CLI::Option *option : root.get_options()) {
        const std::string name = option->get_name(), variable = option->get_envname();
        const char *value = variable.empty() ? nullptr : std::getenv(variable.c_str());
        const auto is_name = [&](const std::string &text, char end) {
            return text.compare(0, name.size(), name) == 0 &&
                   (text.size() == name.size() || text[name.size()] == end);
        };
        if (value && *value && is_name(what, ':') &&
            std::none_of(argv, argv + argc, [&](const char *one) { return is_name(one, '='); }))
            return what.replace(0, name.size(), variable);
    }
    for (const CLI::App *given : root.get_subcommands())
        what = by_variable(*given, argc, argv, std::move(what));
    return what;
}

} // namespace pg_principal::cli
