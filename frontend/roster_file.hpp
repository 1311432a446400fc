// Roster files: text in one of four formats becomes rows, every problem with its row and line.
#pragma once

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "core/roster.hpp"

namespace pg_principal::cli {

enum class RosterFormat { yaml, csv, json, terrain };

// The file as a whole cannot be read: nothing can be said about its rows. Line 0 means unknown.
struct RosterFileError : std::runtime_error {
    RosterFileError(std::size_t at_line, const std::string &reason)
        : std::runtime_error(reason), line(at_line) {}
    std::size_t line;
};

struct Roster {
    std::vector<RosterRow> rows;
    std::vector<std::size_t> lines;      // where each row begins; 0 when the parser cannot tell
    std::vector<RosterProblem> problems; // in row order
};

struct RosterOptions {
    bool ignore_unknown_fields = false;
};

// Collects rows for the parsers, so that all of them treat a field the same way.
class RosterBuilder {
  public:
    explicit RosterBuilder(RosterOptions options) : options_(options) {}
    void begin_row(std::size_t line);
    // A nested value, or one of the wrong type, is named in `found` ("a number").
    void set(std::string_view field, std::string_view value);
    void set_absent(std::string_view field);
    void refuse(std::string_view field, std::string_view found);
    void problem(std::string reason);
    Roster finish() { return std::move(roster_); }

  private:
    // nullptr when the field is unknown or came before; the problem is noted then.
    const RosterField *claim(std::string_view field);
    RosterOptions options_;
    Roster roster_;
    std::vector<std::string> seen_; // the fields of the row at hand
};

inline constexpr std::size_t max_roster_bytes = std::size_t{64} << 20;

// By the extension; nothing when it says nothing.
std::optional<RosterFormat> roster_format_of(std::string_view path);

// One of the four, then normalised and checked. Throws RosterFileError.
Roster parse_roster(std::string_view text, RosterFormat format, RosterOptions options = {});

Roster parse_yaml_roster(std::string_view text, RosterOptions options);
Roster parse_csv_roster(std::string_view text, RosterOptions options);
Roster parse_json_roster(std::string_view text, RosterOptions options);
Roster parse_terrain_roster(std::string_view text);

} // namespace pg_principal::cli
