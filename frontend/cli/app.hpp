// The command tree, on CLI11. A verb is the row of a table: what it takes are the parameters of its
// statement, in their order.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/session.hpp"

// CLI11 is compiled in a few files alone: each file that includes it takes ten seconds more.
namespace CLI {
class App;
class Option;
class Validator;
} // namespace CLI

namespace pg_principal::cli {

// Bounds, with a refusal that is the same in every version of CLI11; what is whole is left in
// digits. T: int, unsigned, double.
using Check = std::shared_ptr<const CLI::Validator>;
template <class T>
Check between(T least, T most);
Check one_of(const std::vector<std::string> &choices);
Check read_as(std::string (*meant)(const std::string &given)); // which throws UsageError

// `each`: several, but one behind each mention of the name; `listed`: or several behind commas.
enum Taken { maybe, needed, several, each, listed, flag };

// A name without dashes is given by its place.
struct Option {
    const char *name, *text;
    Taken taken = maybe;
    const char *type = nullptr; // in the help
    const char *otherwise = ""; // what is not given; "" is NULL
    Check check = nullptr;
    std::string (*read)(const std::string &file) = nullptr; // what the parameter is of a file
    const char *variable = ""; // in place of the one that its verb gives it
};

class Given {
  public:
    // `variable`: where its value may come from, too; "": nowhere.
    void declare(CLI::App &verb, const Option &option, const std::string &variable);
    // Of what was not typed. Throws UsageError.
    void read_variables();
    // What is wrong, of options whose value came from a variable with its name in place of theirs.
    std::string by_variables(std::string problem) const;
    const std::string &operator[](std::string_view name) const { return find(name).text; }
    bool has(std::string_view name) const { return find(name).is_set; } // a flag
    bool is_given(std::string_view name) const;
    const std::vector<std::string> &list(std::string_view name) const { return find(name).items; }
    const std::string &first() const { return values_.front().text; }
    std::vector<db::Param> parameters() const;

  private:
    struct Value {
        Option option;
        std::string text;
        std::vector<std::string> items;
        bool is_set;
        std::string variable;
        CLI::Option *argument;
        bool is_read = false; // from the variable
    };
    const Value &find(std::string_view name) const;
    std::deque<Value> values_; // whose addresses CLI11 keeps
};

using Act = std::function<void(const Session &, const Given &)>;

// Examples: a line each, what follows the verb's name, or with two spaces before it the whole line.
struct Verb {
    const char *name, *description, *examples;
    std::vector<Option> options;
    Act act;
    std::vector<std::string> outputs = {"text", "json"}; // of --output; the first is the default
    const char *note = "";                               // below the examples
    const char *variables = ""; // prefix of those that stand for its options; "": none do
};
std::string variable_of(const Verb &verb, const Option &option);

// One statement with what was given, and what is said of its result.
Act asks(std::string sql, std::function<void(const Session &, const db::Result &)> tell);
Act lists(std::string sql, Listing listing);
Act tells(std::string sql, std::string text, const char *token = ""); // as print_row() has it
// The same of a token or secret, told this once: what could not be printed was never made.
Act mints(std::string sql, std::string text, const char *token);
// "added ID", which the statement says.
Act makes(std::string sql, const char *done);
// "revoked ID", of the first that was given, or of what the statement says behind its truth. When
// that is false, there is none: {} in that message is the same.
Act does(std::string sql, const char *done, const char *none = nullptr, const char *hint = "");

// How many of these options must be given: else it is wrong usage.
enum Count { exactly_one, at_least_one, at_most_one };
Act with(Count how_many, std::vector<const char *> names, Act act);

// Examples: what follows the family's name.
struct Family {
    const char *name, *description, *examples;
    const std::vector<Verb> &verbs;
};

extern const Family auth_family, people_family, keys_family, clients_family, issuers_family,
    delegations_family, health_family, audit_family;
extern const Verb doctor_verb, whoami_verb;

// What auth.health_schedule() tells, also where pg_cron is in another database, for `health status`
// and `doctor`; `problem` is null when nothing is wrong, `remedy` what to do. Throws Failure.
Json read_health_schedule(const Session &session);

// The whole program, with one more verb from above; returns its exit code: 0 done, 1 refused or
// failed, 2 wrong usage.
int run(int argc, const char *const *argv, Streams &streams, const Verb *more = nullptr);

} // namespace pg_principal::cli
