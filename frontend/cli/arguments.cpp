#include "cli/arguments.hpp"

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <sstream>

#include <CLI/CLI.hpp>

namespace pg_principal::cli {

const Argument &Argument::required() const {
    option_->required();
    return *this;
}

const Argument &Argument::type(const char *name) const {
    option_->type_name(name);
    return *this;
}

const Argument &Argument::one_of(const std::vector<std::string> &values) const {
    option_->check(CLI::IsMember(values));
    return *this;
}

template <class T>
const Argument &Argument::between(T least, T most) const {
    std::ostringstream bounds;
    bounds.precision(10); // digits, no exponent
    bounds << " not in range " << least << " to " << most;
    const CLI::Range range(least, most);
    const auto check = [range, refusal = bounds.str()](const std::string &value) {
        const bool is_nan = std::isnan(std::strtod(value.c_str(), nullptr)); // in every range
        return range(value).empty() && !is_nan ? std::string() : "Value " + value + refusal;
    };
    option_->check(CLI::Validator(check, range.get_description()));
    return *this;
}

const Argument &Argument::single() const {
    option_->allow_extra_args(false);
    return *this;
}

const Argument &Argument::commas() const {
    option_->delimiter(',');
    return *this;
}

const Argument &Argument::variable(const std::string &name) const {
    option_->envname(name);
    return *this;
}

const Argument &Argument::shows_default() const {
    option_->capture_default_str();
    return *this;
}

const Argument &Argument::shows_default(const std::string &text) const {
    option_->default_str(text);
    return *this;
}

template <class T>
Argument Command::option(const std::string &name, T &value, const std::string &text) const {
    return Argument(app_->add_option(name, value, text));
}

Argument Command::flag(const std::string &name, bool &value, const std::string &text) const {
    return Argument(app_->add_flag(name, value, text));
}

Argument Command::seconds(const std::string &name, std::chrono::milliseconds &value,
                          const std::string &text) const {
    const auto set = [&value](const double &seconds) {
        value = std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
    };
    return Argument(app_->add_option_function<double>(name, set, text)).type("SECONDS");
}

std::vector<std::string> Command::variables() const {
    std::vector<std::string> names;
    for (const CLI::Option *option : app_->get_options())
        if (!option->get_envname().empty())
            names.push_back(option->get_envname());
    return names;
}

void Command::reads_variables_when_given() const {
    app_->parse_complete_callback([] {}); // CLI11 looks at a verb's variables early without one
}

template const Argument &Argument::between(int, int) const;
template const Argument &Argument::between(unsigned, unsigned) const;
template const Argument &Argument::between(std::uint64_t, std::uint64_t) const;
template const Argument &Argument::between(double, double) const;
template Argument Command::option(const std::string &, std::string &, const std::string &) const;
template Argument Command::option(const std::string &, std::vector<std::string> &,
                                  const std::string &) const;
template Argument Command::option(const std::string &, int &, const std::string &) const;
template Argument Command::option(const std::string &, unsigned &, const std::string &) const;
template Argument Command::option(const std::string &, std::uint64_t &, const std::string &) const;
template Argument Command::option(const std::string &, double &, const std::string &) const;

} // namespace pg_principal::cli
