#include "cli/verb.hpp"

#include <algorithm>
#include <stdexcept>

#include "db/array.hpp"

namespace pg_principal::cli {

void Given::declare(Command verb, const Option &option) {
    Value &value = values_.emplace_back(Value{option, option.otherwise, {}, false});
    if (option.taken == flag) {
        verb.flag(option.name, value.is_set, option.text);
        return;
    }
    const bool is_list = option.taken == several || option.taken == each;
    const Argument argument = is_list ? verb.option(option.name, value.items, option.text)
                                      : verb.option(option.name, value.text, option.text);
    if (option.taken == each)
        argument.single();
    const bool by_place = option.name[0] != '-';
    if (by_place || option.taken == needed)
        argument.required();
    if (by_place || option.type)
        argument.type(by_place ? "" : option.type);
    if (!option.choices.empty())
        argument.one_of(option.choices);
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
        else if (value.text.empty() && option.taken == maybe && option.name[0] == '-' &&
                 !*option.otherwise)
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
