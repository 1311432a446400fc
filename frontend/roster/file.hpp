// Roster files: text in one of four formats becomes rows, every problem with its row and line.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "core/principals/roster.hpp"

namespace pg_principal::cli {

enum class RosterFormat { yaml, csv, json, terrain };

// The file as a whole cannot be read: nothing can be said about its rows. Line 0 means unknown.
struct RosterFileError : std::runtime_error {
    RosterFileError(std::size_t at_line, const std::string &reason, std::string what_helps = {})
        : std::runtime_error(reason), line(at_line), hint(std::move(what_helps)) {}
    std::size_t line;
    std::string hint;
};

struct Roster {
    std::vector<RosterRow> rows;
    std::vector<std::size_t> lines;      // where each row begins; 0 when the parser cannot tell
    std::vector<RosterProblem> problems; // in row order
};

// Fields of the file, in lower case, that make one of a roster, joined by blanks: givenName and
// surname are the name. A field named here stands for itself no longer.
struct FieldMap {
    std::vector<std::string> sources;
    const RosterField *target = nullptr;
};

// From `givenName+surname=name`; nothing when it is malformed or names no field of a roster.
std::optional<FieldMap> parse_field_map(std::string_view text);

struct RosterOptions {
    bool ignore_unknown_fields = false;
    std::vector<FieldMap> maps = {};
};

// Collects rows for the parsers, so that all of them treat a field the same way.
class RosterBuilder {
  public:
    explicit RosterBuilder(RosterOptions options) : options_(std::move(options)) {}
    void begin_row(std::size_t line);
    // `value` is nothing when it is absent; `found` names what is no text ("a number").
    void field(std::string_view name, const std::optional<std::string> &value,
               const char *found = nullptr);
    void problem(std::string reason);
    Roster finish();

  private:
    // nullptr when the field is unknown or came before; the problem is noted then.
    const RosterField *claim(std::string_view field);
    // Keeps the value of a field that --map names; false for others.
    bool keep(std::string_view field, std::string_view value);
    void end_row();
    RosterOptions options_;
    Roster roster_;
    std::vector<std::string> seen_;                // the fields of the row at hand
    std::map<std::string, std::string> kept_;      // of them, those that --map names
    std::set<std::string, std::less<>> ever_kept_; // of any row
};

// What a parser says of a field that a roster does not have, if it must not be dropped even on
// request: one that was meant to be a field of a roster.
std::optional<std::string> misspelt_field_problem(std::string_view field);

// For hints: "a FIELD is email, name, ... or kind".
std::string roster_field_names();
bool is_mapped(const RosterOptions &options, std::string_view field);

inline constexpr std::size_t max_roster_bytes = std::size_t{64} << 20;

// By the extension; nothing when it says nothing.
std::optional<RosterFormat> roster_format_of(std::string_view path);

// One of the four, then normalised and checked. Throws RosterFileError.
Roster parse_roster(std::string_view text, RosterFormat format, RosterOptions options = {});

Roster parse_yaml_roster(std::string_view text, RosterOptions options);
Roster parse_csv_roster(std::string_view text, RosterOptions options);
Roster parse_json_roster(std::string_view text, RosterOptions options);
Roster parse_terrain_roster(std::string_view text);

// As text again: absent fields are left out, and what is written reads back as the same rows.
std::string write_yaml_roster(const std::vector<RosterRow> &rows);
std::string write_csv_roster(const std::vector<RosterRow> &rows);
std::string write_json_roster(const std::vector<RosterRow> &rows);

// A bare array without blanks, for auth.push_people.
std::string write_push_roster(const std::vector<RosterRow> &rows);

} // namespace pg_principal::cli
