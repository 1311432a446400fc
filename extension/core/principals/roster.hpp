// The rules of a roster that need no database: the command line checks them before it connects, the
// backend again, because nothing obliges a client to have done so.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pg_principal {

struct RosterRow {
    std::optional<std::string> email, name, github_username, discipline, level, track,
        manager_email, team, kind;
};

struct RosterField {
    std::string_view name;
    std::optional<std::string> RosterRow::*member;
    std::size_t max_characters; // for the two addresses max_email_bytes holds, in bytes
};

// In the order in which a roster is written.
inline constexpr std::array<RosterField, 9> roster_fields = {{
    {"email", &RosterRow::email, 254},
    {"name", &RosterRow::name, 200},
    {"github_username", &RosterRow::github_username, 100},
    {"discipline", &RosterRow::discipline, 100},
    {"level", &RosterRow::level, 100},
    {"track", &RosterRow::track, 100},
    {"manager_email", &RosterRow::manager_email, 254},
    {"team", &RosterRow::team, 100},
    {"kind", &RosterRow::kind, 100},
}};

// nullptr when there is no such field
const RosterField *find_roster_field(std::string_view name) noexcept;

struct RosterProblem {
    std::size_t row; // 1 is the first
    std::string reason;
};

// Trims every field, drops the empty ones, lowers both addresses; no kind and `human` become
// `person`.
void normalise(RosterRow &row);

// Wants normalised rows. Every problem of every row, in row order; time grows linearly with the
// rows.
std::vector<RosterProblem> check_roster(const std::vector<RosterRow> &rows);

// The reasons that a parser finds too, worded once.
std::string missing_field_problem(std::string_view field);
std::string unknown_field_problem(std::string_view field);
std::string wrong_type_problem(std::string_view field, std::string_view found);
std::string not_an_object_problem(std::string_view found);

} // namespace pg_principal
