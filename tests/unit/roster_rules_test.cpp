#include "roster_support.hpp"

#include <gtest/gtest.h>

using namespace pg_principal;
using namespace std::string_literals;

namespace {

RosterRow person(const std::string &email) {
    RosterRow row;
    row.email = email;
    row.name = "Somebody";
    row.kind = "person";
    return row;
}

RosterRow account(const std::string &email) {
    RosterRow row = person(email);
    row.kind = "service_account";
    return row;
}

// All problems as one text, "" when there are none.
std::string problems(const std::vector<RosterRow> &rows) {
    return list_problems(check_roster(rows));
}

std::string problem_of(std::string_view field, const std::string &value) {
    RosterRow row = person("a@x");
    row.*find_roster_field(field)->member = value;
    return problems({row});
}

} // namespace

TEST(Roster, NormalisesFields) {
    RosterRow row;
    row.email = " Ada@X ";
    row.name = "\tAda  Lovelace\n";
    row.manager_email = "BOSS@x";
    row.level = "   ";
    row.team = "";
    row.kind = "human";
    normalise(row);
    EXPECT_EQ(row.email, "ada@x");
    EXPECT_EQ(row.name, "Ada  Lovelace");
    EXPECT_EQ(row.manager_email, "boss@x");
    EXPECT_EQ(row.level, std::nullopt);
    EXPECT_EQ(row.team, std::nullopt);
    EXPECT_EQ(row.kind, "person");
}

TEST(Roster, KindDefaultsToPerson) {
    RosterRow row;
    normalise(row);
    EXPECT_EQ(row.kind, "person");
    row.kind = "service_account";
    normalise(row);
    EXPECT_EQ(row.kind, "service_account");
    row.kind = "Human"; // only the exact word is the old name of a person
    normalise(row);
    EXPECT_EQ(row.kind, "Human");
}

TEST(Roster, AcceptsGoodRows) {
    RosterRow full = person("ada@x");
    full.github_username = "ada";
    full.discipline = "engineering";
    full.level = "L1";
    full.track = "platform";
    full.manager_email = "boss@x";
    full.team = "engines";
    RosterRow agent = account("agent@x");
    agent.discipline = "automation";
    EXPECT_EQ(problems({full, person("boss@x"), agent}), "");
    EXPECT_EQ(problems({}), "");
}

TEST(Roster, WantsEmailAndName) {
    EXPECT_EQ(problems({RosterRow()}), "row 1: email is missing\nrow 1: name is missing");
}

TEST(Roster, ChecksAddresses) {
    EXPECT_EQ(problems({person("nobody")}), "row 1: email \"nobody\" has no @");
    EXPECT_EQ(problem_of("manager_email", "boss@"),
              "row 1: manager_email \"boss@\" has nothing after the @");
    EXPECT_EQ(problem_of("manager_email", "a@x"), "row 1: manager_email is the row's own email");
}

TEST(Roster, KnowsTwoKinds) {
    EXPECT_EQ(problem_of("kind", "robot"),
              "row 1: kind \"robot\" is neither person nor service_account");
}

TEST(Roster, AServiceAccountHasNoLevelManagerTeam) {
    RosterRow row = account("agent@x");
    row.level = "L1";
    row.manager_email = "boss@x";
    row.team = "engines";
    EXPECT_EQ(problems({row}), "row 1: a service account has no level\n"
                               "row 1: a service account has no manager_email\n"
                               "row 1: a service account has no team");
}

TEST(Roster, NamesBothRowsOfADuplicate) {
    RosterRow one = person("a@x"), two = person("b@x"), three = person("a@x");
    one.github_username = three.github_username = "same";
    EXPECT_EQ(problems({one, two, three}),
              "row 3: duplicate email \"a@x\", already in row 1\n"
              "row 3: duplicate github_username \"same\", already in row 1");
}

TEST(Roster, LimitsLengths) {
    for (const RosterField &field : roster_fields) {
        if (field.name == "email" || field.name == "manager_email" || field.name == "kind")
            continue;
        EXPECT_EQ(problem_of(field.name, std::string(field.max_characters, 'x')), "") << field.name;
        EXPECT_NE(problem_of(field.name, std::string(field.max_characters + 1, 'x')), "")
            << field.name;
    }
    EXPECT_EQ(find_roster_field("name")->max_characters, 200U);
    EXPECT_EQ(find_roster_field("team")->max_characters, 100U);
}

TEST(Roster, RefusesControlCharactersAndBrokenText) {
    for (const RosterField &field : roster_fields) {
        for (const std::string &text : {"a\0b"s, "a\nb"s, "a\x1b"s, "a\xff"s, "a\xc2\x9b"s}) {
            EXPECT_NE(problem_of(field.name, text), "") << field.name;
        }
    }
}

TEST(Roster, AMessageShowsNoControlCharacters) {
    for (const char c : problem_of("name", "\033]0;owned\a"))
        EXPECT_GE(c, ' ');
}

TEST(Roster, KnowsItsFields) {
    EXPECT_EQ(find_roster_field("Email"), nullptr);
    EXPECT_EQ(find_roster_field(""), nullptr);
    EXPECT_EQ(find_roster_field("team")->member, &RosterRow::team);
    EXPECT_EQ(unknown_field_problem("colo\nur"), "unknown field \"colo\\x0aur\"");
    EXPECT_EQ(wrong_type_problem("level", "a number"), "level must be a string, not a number");
}

TEST(Roster, ReportsEveryRowOfALargeOne) {
    std::vector<RosterRow> rows;
    for (int i = 0; i < 100'000; ++i)
        rows.push_back(person((i % 2 == 0 ? "u" + std::to_string(i) : std::string("same")) + "@x"));
    EXPECT_EQ(check_roster(rows).size(), 49'999U);
}
