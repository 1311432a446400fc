// The arguments of a verb. CLI11 parses them and is compiled in a few files alone: each file that
// includes it takes ten seconds more.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
} // namespace CLI

namespace pg_principal::cli {

// An argument that a verb has got; what is said of it later is added.
class Argument {
  public:
    explicit Argument(CLI::Option *option) : option_(option) {}
    const Argument &required() const;
    const Argument &type(const char *name) const; // in the help; "" for none
    const Argument &one_of(const std::vector<std::string> &values) const;
    // With a refusal that is the same in every version of CLI11. T: int, unsigned, std::uint64_t,
    // double.
    template <class T>
    const Argument &between(T least, T most) const;
    const Argument &single() const; // a list's: each --name takes one value
    const Argument &commas() const; // a list's: values may stand behind commas, too
    const Argument &variable(const std::string &name) const; // of the environment: the same value
    const Argument &shows_default() const;                   // in the help, as it is now
    const Argument &shows_default(const std::string &text) const;

  private:
    CLI::Option *option_;
};

// A verb or a family of verbs.
class Command {
  public:
    explicit Command(CLI::App *app) : app_(app) {}
    CLI::App &app() const { return *app_; }
    // --name VALUE, or NAME by its place. T: std::string, a vector of them, int, unsigned,
    // std::uint64_t, double.
    template <class T>
    Argument option(const std::string &name, T &value, const std::string &text) const;
    Argument flag(const std::string &name, bool &value, const std::string &text) const;
    Argument seconds(const std::string &name, std::chrono::milliseconds &value,
                     const std::string &text) const;
    std::vector<std::string> variables() const; // of its arguments
    // A variable whose value cannot be is no concern of other verbs.
    void reads_variables_when_given() const;

  private:
    CLI::App *app_;
};

} // namespace pg_principal::cli
