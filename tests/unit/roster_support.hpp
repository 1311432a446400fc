// What the tests of rosters share.
#pragma once

#include "core/principals/roster.hpp"

namespace pg_principal {

// "row 1: ...", a line each.
inline std::string list_problems(const std::vector<RosterProblem> &problems) {
    std::string out;
    for (const RosterProblem &problem : problems)
        out +=
            (out.empty() ? "row " : "\nrow ") + std::to_string(problem.row) + ": " + problem.reason;
    return out;
}

} // namespace pg_principal
