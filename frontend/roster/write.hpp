// Rosters as text. Absent fields are left out; what is written reads back as the same rows.
#pragma once

#include <string>
#include <vector>

#include "core/principals/roster.hpp"

namespace pg_principal::cli {

std::string write_yaml_roster(const std::vector<RosterRow> &rows);
std::string write_csv_roster(const std::vector<RosterRow> &rows);
std::string write_json_roster(const std::vector<RosterRow> &rows);

// A bare array without blanks, for auth.push_people.
std::string write_push_roster(const std::vector<RosterRow> &rows);

} // namespace pg_principal::cli
