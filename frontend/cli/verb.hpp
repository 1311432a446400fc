// A verb as the row of a table: what it takes are the parameters of its statement, in their order.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/arguments.hpp"
#include "cli/session.hpp"

namespace pg_principal::cli {

// `each`: several, but one behind each mention of the name.
enum Taken { maybe, needed, several, each, flag };

// One without dashes is needed, and given by its place.
struct Option {
    const char *name, *text;
    Taken taken = maybe;
    const char *type = nullptr; // in the help
    const char *otherwise = ""; // what is not given; "" is NULL
    std::vector<std::string> choices = {};
    std::string (*read)(const std::string &file) = nullptr; // what the parameter is of a file
};

class Given {
  public:
    void declare(Command verb, const Option &option);
    const std::string &operator[](std::string_view name) const { return find(name).text; }
    bool has(std::string_view name) const { return find(name).is_set; } // a flag
    const std::vector<std::string> &list(std::string_view name) const { return find(name).items; }
    const std::string &first() const { return values_.front().text; }
    std::vector<db::Param> parameters() const;

  private:
    struct Value {
        Option option;
        std::string text;
        std::vector<std::string> items;
        bool is_set;
    };
    const Value &find(std::string_view name) const;
    std::deque<Value> values_; // whose addresses CLI11 keeps
};

using Act = std::function<void(const Session &, const Given &)>;

struct Verb {
    const char *name, *description, *examples;
    std::vector<Option> options;
    Act act;
    std::vector<std::string> outputs = {"text", "json"}; // of --output; the first is the default
};

// One statement with what was given, and what is said of its result.
Act asks(std::string sql, std::function<void(const Session &, const db::Result &)> tell);
Act lists(std::string sql, Listing listing);
// "added ID", which the statement says.
Act makes(std::string sql, const char *done);
// "revoked ID", of the first that was given. When the statement says false, there is none: {} in
// that message is the first, too.
Act does(std::string sql, const char *done, const char *none = nullptr, const char *hint = "");

} // namespace pg_principal::cli
