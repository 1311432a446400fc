// The command line's face: verbs and what may follow them, declared where their code is. What reads
// the arguments is seen by verb.cpp alone, as it takes seconds to compile wherever it is included.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
} // namespace CLI

namespace pg_principal::cli {

// An option (--email TEXT), a flag (--dry-run) or, without dashes, an argument that is known by its
// place. What is said of it returns it, so that more can be said.
class Option {
  public:
    explicit Option(CLI::Option *option) : option_(option) {}
    Option required() const;
    Option type(const std::string &name) const; // in the help, instead of TEXT
    Option one_of(const std::vector<std::string> &choices) const;
    Option between(unsigned least, unsigned most) const;
    Option between(std::uint64_t least, std::uint64_t most) const;
    Option between(double least, double most) const;
    Option separated_by_commas() const;
    Option one_each() const; // of a list: each use of the option takes one value
    Option variable(const std::string &name) const; // of the environment, where it is not given
    Option shows_default() const;

  private:
    CLI::Option *option_;
};

// A verb, or a family of verbs. It belongs to its CommandLine; what it reads values into must live
// as long.
class Verb {
  public:
    explicit Verb(CLI::App *app) : app_(app) {}
    Verb verb(const std::string &name, const std::string &description);
    void epilogue(const std::string &text); // below its help
    void when_given(std::function<void()> action);
    // A variable with a value that cannot be is no concern of other verbs.
    void keeps_its_variables_to_itself();

    Option option(const std::string &name, std::string &value, const std::string &text);
    Option option(const std::string &name, std::vector<std::string> &values,
                  const std::string &text);
    Option option(const std::string &name, unsigned &value, const std::string &text);
    Option option(const std::string &name, std::uint64_t &value, const std::string &text);
    Option option(const std::string &name, double &value, const std::string &text);
    Option flag(const std::string &name, bool &value, const std::string &text);
    // --output with these choices; the first is the default.
    void output(std::string &output, const std::vector<std::string> &choices);

  private:
    CLI::App *app_;
};

class CommandLine {
  public:
    CommandLine(const std::string &name, const std::string &description,
                const std::string &version);
    ~CommandLine();
    Verb root() { return Verb(app_.get()); }
    // False when the arguments asked for no more than what was printed: --help, --version. Throws
    // UsageError.
    bool parse(int argc, const char *const *argv, std::ostream &out);
    std::string chosen() const; // the verb as typed: "pg_principal auth issue"

  private:
    std::unique_ptr<CLI::App> app_;
};

} // namespace pg_principal::cli
