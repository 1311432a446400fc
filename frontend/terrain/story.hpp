// The part of a Terrain story that says who works there: people, teams, departments, domain and
// seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "roster/file.hpp"

namespace pg_principal::cli {

inline constexpr std::uint64_t max_story_people = 1'000'000;

struct Share {
    std::string key;
    std::uint64_t weight = 0; // millionths
};

struct ServiceAccount {
    std::string id;
    std::optional<std::string> name, email;
    std::size_t line = 0;
};

// Somebody the story names: `@sarah_chen`, `"Sarah Chen"`, or a director's block.
struct NamedPerson {
    std::string name;
    std::optional<std::string> level, discipline;
    std::size_t line = 0;
};

inline constexpr std::size_t no_department = static_cast<std::size_t>(-1);

struct Team {
    std::string id;
    std::uint64_t size = 1;
    std::optional<NamedPerson> manager;
    std::size_t department = no_department; // index into Story::departments
};

struct Department {
    std::string id;
    std::optional<NamedPerson> director;
};

struct Story {
    std::optional<std::string> domain;
    std::uint64_t seed = 42;
    std::uint64_t count = 0;
    std::vector<Share> levels, disciplines;
    std::vector<ServiceAccount> service_accounts;
    std::vector<Team> teams;
    std::vector<Department> departments;
};

// Throws RosterFileError. Blocks that have nothing to do with people are passed over.
Story parse_story(std::string_view text);

// The people of a story: the same seed gives the same people, everywhere and in every release. Rows
// in an order in which every manager comes before their reports; service accounts come last.
Roster generate_people(const Story &story);

// `total` things shared out by weight, exactly: largest remainder, ties to the earlier one.
std::vector<std::uint64_t> apportion(std::uint64_t total,
                                     const std::vector<std::uint64_t> &weights);

} // namespace pg_principal::cli
