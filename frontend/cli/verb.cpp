#include "cli/verb.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <stdexcept>
#include <type_traits>

#include <CLI/CLI.hpp>

#include "db/array.hpp"

namespace pg_principal::cli {

template <class T>
Check between(T least, T most) {
    std::ostringstream bounds;
    bounds.precision(10); // digits, no exponent
    bounds << " not in range " << least << " to " << most;
    const CLI::Range range(least, most);
    const auto check = [range, refusal = bounds.str()](std::string &value) {
        const bool is_nan = std::isnan(std::strtod(value.c_str(), nullptr)); // in every range
        if (!range(value).empty() || is_nan)
            return "Value " + value + refusal;
        T number{};
        if (std::is_integral_v<T> && CLI::detail::lexical_cast(value, number))
            value = std::to_string(number);
        return std::string();
    };
    return std::make_shared<const CLI::Validator>(check, range.get_description());
}

template Check between(int, int);
template Check between(unsigned, unsigned);
template Check between(std::uint64_t, std::uint64_t);
template Check between(double, double);

Check one_of(const std::vector<std::string> &choices) {
    return std::make_shared<const CLI::Validator>(CLI::IsMember(choices));
}

void Given::declare(CLI::App &verb, const Option &option) {
    Value &value = values_.emplace_back(Value{option, option.otherwise, {}, false});
    const bool is_list = option.taken == several || option.taken == each;
    CLI::Option *const argument = option.taken == flag
                                      ? verb.add_flag(option.name, value.is_set, option.text)
                                  : is_list ? verb.add_option(option.name, value.items, option.text)
                                            : verb.add_option(option.name, value.text, option.text);
    if (option.taken == needed)
        argument->required();
    if (option.taken == each)
        argument->allow_extra_args(false);
    const bool by_place = option.name[0] != '-';
    if (by_place || option.type)
        argument->type_name(by_place ? "" : option.type);
    if (option.check)
        argument->transform(*option.check);
}

const Given::Value &Given::find(std::string_view name) const {
    const auto found = std::find_if(values_.begin(), values_.end(),
                                    [&](const Value &value) { return value.option.name == name; });
    if (found == values_.end())
        throw std::logic_error("the verb has no such option");
    return *found;
}

std::vector<db::Param> Given::parameters() const {
    std::vector<db::Param> parameters;
    for (const Value &value : values_) {
        const Option &option = value.option;
        if (option.taken == flag)
            parameters.emplace_back(value.is_set ? "true" : "false");
        else if (option.taken == several || option.taken == each)
            parameters.emplace_back(db::array_param(value.items));
        else if (value.text.empty() && option.taken == maybe && !*option.otherwise)
            parameters.emplace_back();
        else
            parameters.emplace_back(option.read ? option.read(value.text) : value.text);
    }
    return parameters;
}

Act asks(std::string sql, std::function<void(const Session &, const db::Result &)> tell) {
    return
        [sql = std::move(sql), tell = std::move(tell)](const Session &session, const Given &given) {
            tell(session, session.ask(sql, given.parameters()));
        };
}

Act lists(std::string sql, Listing listing) {
    return asks(std::move(sql),
                [listing = std::move(listing)](const Session &session, const db::Result &rows) {
                    print_rows(session.streams, session.output, rows, listing);
                });
}

Act tells(std::string sql, std::string text, const char *token) {
    return asks(std::move(sql),
                [text = std::move(text), token](const Session &session, const db::Result &rows) {
                    print_row(session.streams, session.output, rows, text, token);
                });
}

Act makes(std::string sql, const char *done) {
    return asks(std::move(sql), [done](const Session &session, const db::Result &rows) {
        print_done(session, done, std::string(rows.text(0, 0)));
    });
}

Act does(std::string sql, const char *done, const char *none, const char *hint) {
    return [sql = std::move(sql), done, none, hint](const Session &session, const Given &given) {
        const db::Result rows = session.ask(sql, given.parameters());
        if (none && !rows.boolean(0, 0)) {
            std::string message = none;
            throw Failure(message.replace(message.find("{}"), 2, printable(given.first())), {},
                          hint);
        }
        print_done(session, done, given.first());
    };
}

} // namespace pg_principal::cli
