#include "cli/verb.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <sstream>

#include <CLI/CLI.hpp>

#include "base/failure.hpp"
#include "core/base/bytes.hpp"
#include "core/base/text.hpp"

namespace pg_principal::cli {

namespace {

// What was typed in the wrong place may be a secret: only a flag's name or a plain word is
// repeated.
std::string describe_extra(const std::string &argument) {
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

// Of a variable whose value cannot be, CLI11 says so or, in later versions, takes it for not set:
// who sets it must hear of it.
void insist_on_variables(CLI::App &verb) {
    for (CLI::Option *option : verb.get_options()) {
        const char *value =
            option->get_envname().empty() ? nullptr : std::getenv(option->get_envname().c_str());
        if (!value || !*value || option->count() != 0)
            continue;
        option->add_result(value);
        option->run_callback();
    }
    for (CLI::App *given : verb.get_subcommands())
        insist_on_variables(*given);
}

// With a text that is the same in every version of CLI11.
template <class T>
Option in_range(CLI::Option *option, T least, T most) {
    std::ostringstream bounds;
    bounds.precision(10); // digits, no exponent
    bounds << " not in range " << least << " to " << most;
    const CLI::Range range(least, most);
    const auto check = [range, refusal = bounds.str()](const std::string &value) {
        return range(value).empty() ? std::string() : "Value " + value + refusal;
    };
    return Option(option->check(CLI::Validator(check, range.get_description())));
}

} // namespace

Option Option::required() const { return Option(option_->required()); }

Option Option::type(const std::string &name) const { return Option(option_->type_name(name)); }

Option Option::one_of(const std::vector<std::string> &choices) const {
    return Option(option_->check(CLI::IsMember(choices)));
}

Option Option::between(unsigned least, unsigned most) const {
    return in_range(option_, least, most);
}

Option Option::between(std::uint64_t least, std::uint64_t most) const {
    return in_range(option_, least, most);
}

Option Option::between(double least, double most) const { return in_range(option_, least, most); }

Option Option::separated_by_commas() const {
    return Option(option_->delimiter(',')->allow_extra_args(false));
}

Option Option::one_each() const { return Option(option_->allow_extra_args(false)); }

Option Option::variable(const std::string &name) const { return Option(option_->envname(name)); }

Option Option::shows_default() const { return Option(option_->capture_default_str()); }

Verb Verb::verb(const std::string &name, const std::string &description) {
    CLI::App *verb = app_->add_subcommand(name, description);
    verb->require_subcommand(0, 1);
    return Verb(verb);
}

void Verb::epilogue(const std::string &text) { app_->footer(text); }

void Verb::when_given(std::function<void()> action) { app_->callback(std::move(action)); }

// CLI11 looks at the variables of such a verb only when it is given.
void Verb::keeps_its_variables_to_itself() {
    app_->parse_complete_callback([] {});
}

Option Verb::option(const std::string &name, std::string &value, const std::string &text) {
    return Option(app_->add_option(name, value, text));
}

Option Verb::option(const std::string &name, std::vector<std::string> &values,
                    const std::string &text) {
    return Option(app_->add_option(name, values, text));
}

Option Verb::option(const std::string &name, unsigned &value, const std::string &text) {
    return Option(app_->add_option(name, value, text));
}

Option Verb::option(const std::string &name, std::uint64_t &value, const std::string &text) {
    return Option(app_->add_option(name, value, text));
}

Option Verb::option(const std::string &name, double &value, const std::string &text) {
    return Option(app_->add_option(name, value, text));
}

Option Verb::flag(const std::string &name, bool &value, const std::string &text) {
    return Option(app_->add_flag(name, value, text));
}

void Verb::output(std::string &output, const std::vector<std::string> &choices) {
    output = choices.front();
    option("--output", output, "What to print (default " + output + ")")
        .one_of(choices)
        .type("FORMAT");
}

CommandLine::CommandLine(const std::string &name, const std::string &description,
                         const std::string &version)
    : app_(std::make_unique<CLI::App>(description, name)) {
    app_->require_subcommand(0, 1);
#if CLI11_VERSION_MAJOR > 2 || CLI11_VERSION_MINOR > 5
    app_->get_formatter()->enable_footer_formatting(false); // which would lose its indentation
#endif
    app_->set_version_flag("--version", name + " " + version);
}

CommandLine::~CommandLine() = default;

bool CommandLine::parse(int argc, const char *const *argv, std::ostream &out) {
    std::vector<std::string> arguments = move_key_ids_behind(split_empty_values(argc, argv));
    std::reverse(arguments.begin(), arguments.end()); // CLI11 takes them from the back
    try {
        app_->parse(std::move(arguments));
        insist_on_variables(*app_);
        return true;
    } catch (const CLI::ExtrasError &) {
        const std::vector<std::string> extras = app_->remaining(true); // with any --
        const auto extra = std::find_if(extras.begin(), extras.end(),
                                        [](const std::string &one) { return one != "--"; });
        throw UsageError(describe_extra(extra == extras.end() ? "" : *extra));
    } catch (const CLI::Success &e) { // --help, --version
        app_->exit(e, out, out);
        return false;
    } catch (const CLI::ParseError &e) {
        throw UsageError(e.what());
    }
}

std::string CommandLine::chosen() const {
    std::string path = app_->get_name();
    for (const CLI::App *app = app_.get(); !app->get_subcommands().empty();) {
        app = app->get_subcommands().front();
        path += ' ' + app->get_name();
    }
    return path;
}

} // namespace pg_principal::cli
