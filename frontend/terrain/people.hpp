// The people of a Terrain story: the same seed gives the same people, everywhere and in every
// release.
#pragma once

#include <cstdint>
#include <vector>

#include "roster/file.hpp"
#include "terrain/story.hpp"

namespace pg_principal::cli {

// `total` things shared out by weight, exactly: largest remainder, ties to the earlier one.
std::vector<std::uint64_t> apportion(std::uint64_t total,
                                     const std::vector<std::uint64_t> &weights);

// Rows in an order in which every manager comes before their reports; service accounts come last.
Roster generate_people(const Story &story);

} // namespace pg_principal::cli
