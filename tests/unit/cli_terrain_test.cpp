#include "terrain/random.hpp"
#include "terrain/names.hpp"
#include "terrain/story.hpp"
#include "terrain/tokens.hpp"
#include "roster_support.hpp"

#include <map>
#include <set>

#include <gtest/gtest.h>

using namespace pg_principal;
using namespace pg_principal::cli;

namespace {

Roster people(const std::string &story) { return parse_roster(story, RosterFormat::terrain); }

std::string error(const std::string &story) {
    try {
        const Roster roster = people(story);
        return list_problems(roster.problems);
    } catch (const RosterFileError &e) {
        return "line " + std::to_string(e.line) + ": " + e.what();
    }
}

std::map<std::string, int> tally(const Roster &roster,
                                 std::optional<std::string> RosterRow::*field) {
    std::map<std::string, int> counts;
    for (const RosterRow &row : roster.rows)
        ++counts[(row.*field).value_or("")];
    return counts;
}

// One person without a manager, everybody else below somebody who came before.
void expect_tree(const Roster &roster) {
    std::set<std::string> seen;
    int heads = 0;
    for (const RosterRow &row : roster.rows) {
        if (row.kind == "person") {
            heads += !row.manager_email;
            if (row.manager_email) {
                EXPECT_EQ(seen.count(*row.manager_email), 1U) << *row.email;
            }
        }
        EXPECT_TRUE(seen.insert(*row.email).second) << *row.email;
    }
    EXPECT_EQ(heads, 1);
    EXPECT_TRUE(roster.problems.empty()) << list_problems(roster.problems);
}

const std::string teams = R"(terrain Acme {
  domain "acme.example" seed 7
  department eng {
    parent hq
    director @zeus { name "Zeus" title "Director" level L9 discipline management }
    team core { name "Core" size 6 manager @sarah_chen repos ["a", "b"] }
    team edge { size 3 manager "Manager Edge" }
  }
  team loose { size 1 }
  people {
    count 40
    distribution { L1 50% L2 30% L9 10% L10 10% }
    disciplines { software 75% management 25% }
  }
})";

} // namespace

TEST(Random, IsSplitMix64) {
    Random random(1234567); // the reference sequence
    for (const std::uint64_t wanted :
         {6457827717110365317U, 3203168211198807973U, 9817491932198370423U, 4593380528125082431U})
        EXPECT_EQ(random.next(), wanted);
}

TEST(Random, BelowStaysBelow) {
    Random random(1);
    std::set<std::uint64_t> seen;
    for (int i = 0; i < 1000; ++i)
        seen.insert(random.below(7));
    EXPECT_EQ(seen, (std::set<std::uint64_t>{0, 1, 2, 3, 4, 5, 6}));
    EXPECT_EQ(random.below(1), 0U);
}

TEST(Apportion, IsExact) {
    using Counts = std::vector<std::uint64_t>;
    EXPECT_EQ(apportion(50, {40, 25, 20, 10, 5}), (Counts{20, 13, 10, 5, 2}));
    EXPECT_EQ(apportion(10, {1, 1, 1}), (Counts{4, 3, 3}));
    EXPECT_EQ(apportion(1, {1, 2}), (Counts{0, 1}));
    EXPECT_EQ(apportion(0, {1, 2}), (Counts{0, 0}));
    EXPECT_EQ(apportion(5, {0, 1}), (Counts{0, 5}));
    EXPECT_EQ(apportion(5, {}), Counts{});
    EXPECT_EQ(apportion(1'000'000, {100'000'000, 100'000'000}), (Counts{500'000, 500'000}));
}

TEST(Names, StayUniqueWhenTheListIsUsedUp) {
    NameSource names(1, "example.com");
    std::set<std::string> emails;
    const std::size_t many = names.distinct_names() * 2 + 10;
    for (std::size_t i = 0; i < many; ++i)
        emails.insert(*names.next().email);
    EXPECT_EQ(emails.size(), many);
    EXPECT_GE(names.distinct_names(), 10'000U);
}

TEST(Names, LeaveTakenAddressesAlone) {
    NameSource first(5, "example.com"), second(5, "example.com");
    const std::string email = *first.next().email;
    EXPECT_TRUE(second.take(email));
    EXPECT_FALSE(second.take(email));
    EXPECT_EQ(second.next().email, first.next().email);
}

// These rows are an interface: a roster in use was generated from them.
TEST(Terrain, SameSeedSamePeopleForEver) {
    const Roster roster = people("people { count 3 distribution { L1 67% L2 33% } }");
    ASSERT_EQ(roster.rows.size(), 3U);
    EXPECT_EQ(roster.rows[0].email, "viktor.koch@example.com");
    EXPECT_EQ(roster.rows[1].email, "esther.cooper@example.com");
    EXPECT_EQ(roster.rows[2].email, "olga.cardoso@example.com");
    EXPECT_EQ(roster.rows[2].name, "Olga Cardoso");
    EXPECT_EQ(roster.rows[2].github_username, "olga-cardoso-example");
    EXPECT_EQ(roster.rows[2].manager_email, "viktor.koch@example.com");
    EXPECT_EQ(roster.rows[0].level, "L2");
    EXPECT_EQ(roster.rows[2].level, "L1");
}

TEST(Terrain, ALargerStoryIsTheSameToo) {
    std::uint64_t hash = 0xcbf29ce484222325U; // FNV-1a over every field
    for (const RosterRow &row : people(teams).rows)
        for (const RosterField &field : roster_fields)
            for (const char c : (row.*field.member).value_or("") + ';')
                hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    EXPECT_EQ(hash, 3925138466142928026U);
}

TEST(Terrain, TheSeedDecides) {
    const auto render = [](const std::string &seed) {
        std::string out;
        for (const RosterRow &row :
             people(
                 "terrain X { seed " + seed +
                 " people { count 30 distribution { A 50% B 50% } disciplines { x 50% y 50% } } }")
                 .rows)
            out +=
                *row.email + *row.level + *row.discipline + row.manager_email.value_or("") + '\n';
        return out;
    };
    EXPECT_EQ(render("42"), render("42"));
    EXPECT_NE(render("42"), render("43"));
    EXPECT_EQ(render("18446744073709551615"), render("18446744073709551615"));
}

TEST(Terrain, FollowsTheTeams) {
    const Roster roster = people(teams);
    expect_tree(roster);
    EXPECT_EQ(roster.rows.size(), 40U);
    std::map<std::string, RosterRow> by_email;
    for (const RosterRow &row : roster.rows)
        by_email[*row.email] = row;
    const std::string head = *roster.rows[0].email;
    EXPECT_EQ(by_email.at("zeus@acme.example").level, "L9");
    EXPECT_EQ(by_email.at("zeus@acme.example").discipline, "management");
    EXPECT_EQ(by_email.at("sarah.chen@acme.example").name, "Sarah Chen");
    EXPECT_EQ(by_email.at("sarah.chen@acme.example").manager_email, "zeus@acme.example");
    EXPECT_EQ(by_email.at("manager.edge@acme.example").manager_email, "zeus@acme.example");
    EXPECT_EQ(head, "zeus@acme.example");
    EXPECT_EQ(tally(roster, &RosterRow::level),
              (std::map<std::string, int>{{"L1", 20}, {"L2", 12}, {"L9", 4}, {"L10", 4}}));
    EXPECT_EQ(tally(roster, &RosterRow::discipline),
              (std::map<std::string, int>{{"software", 30}, {"management", 10}}));
    // 36 members by size, and the three leads in their own teams
    EXPECT_EQ(tally(roster, &RosterRow::team),
              (std::map<std::string, int>{{"", 1}, {"core", 23}, {"edge", 12}, {"loose", 4}}));
    for (const RosterRow &row : roster.rows) {
        if (row.team == "core" && row.email != "sarah.chen@acme.example") {
            EXPECT_EQ(row.manager_email, "sarah.chen@acme.example");
        }
    }
}

TEST(Terrain, EachDepartmentReportsToItsDirector) {
    const Roster roster = people(R"(terrain X { domain "x.example"
        department a { director @ann { level L5 } team one { manager @otto size 2 } }
        department b { director @bob {} team two { size 2 } }
        department c { team three { manager @otto } team four { manager @rita } }
        people { count 20 } })");
    expect_tree(roster);
    const std::string head = *roster.rows[0].email;
    std::map<std::string, std::string> manager;
    for (const RosterRow &row : roster.rows)
        manager[*row.email] = row.manager_email.value_or("");
    EXPECT_EQ(manager.at("ann@x.example"), head);
    EXPECT_EQ(manager.at("bob@x.example"), head);
    EXPECT_EQ(manager.at("otto@x.example"), "ann@x.example"); // the first of his teams decides
    EXPECT_EQ(manager.at("rita@x.example"), head);
    EXPECT_NE(head, "ann@x.example");
    int below_bob = 0;
    for (const auto &[email, boss] : manager)
        below_bob += boss == "bob@x.example";
    EXPECT_EQ(below_bob, 1); // the lead that team two did not name
}

TEST(Terrain, SeniorsLead) {
    const Roster roster = people("people { count 200 distribution { L9 50% L10 10% L8 40% } }");
    expect_tree(roster);
    std::map<std::string, int> rank;
    for (const RosterRow &row : roster.rows) {
        rank[*row.email] = std::stoi(row.level->substr(1));
        if (row.manager_email) {
            EXPECT_GE(rank.at(*row.manager_email), rank.at(*row.email));
        }
    }
}

TEST(Terrain, TreesOfAllSizes) {
    for (const int count : {1, 2, 3, 7, 8, 50, 1000, 30'000})
        expect_tree(people("people { count " + std::to_string(count) + " }"));
    for (const int count : {0, 1, 2, 3, 4, 5, 6, 100}) {
        std::string story = teams;
        story.replace(story.find("count 40"), 8, "count " + std::to_string(count));
        const Roster roster = people(story);
        expect_tree(roster);
        // who is named is there even when the count is smaller
        EXPECT_EQ(roster.rows.size(), static_cast<std::size_t>(std::max(count, 3)));
    }
    EXPECT_TRUE(people("people {}").rows.empty());
}

TEST(Terrain, ServiceAccounts) {
    const Roster roster = people(R"(terrain X { domain "Example.ORG" people { count 1
        service_account "kata-agent-team" { name "Kata Agent Team" email "Kata@Example.com" }
        service_account qa_bot {}
        service_account "Two Words" {} } })");
    ASSERT_EQ(roster.rows.size(), 4U);
    const RosterRow &kata = roster.rows[1], &bot = roster.rows[2];
    EXPECT_EQ(kata.email, "kata@example.com");
    EXPECT_EQ(kata.name, "Kata Agent Team");
    EXPECT_EQ(bot.email, "qa_bot@example.org");
    EXPECT_EQ(bot.name, "qa_bot");
    EXPECT_EQ(roster.rows[3].email, "two-words@example.org");
    EXPECT_EQ(roster.lines[2], 3U);
    for (const RosterRow &row : {kata, bot}) {
        EXPECT_EQ(row.kind, "service_account");
        for (const auto field : {&RosterRow::level, &RosterRow::manager_email, &RosterRow::team,
                                 &RosterRow::discipline, &RosterRow::github_username})
            EXPECT_EQ(row.*field, std::nullopt);
    }
    EXPECT_TRUE(roster.problems.empty());
}

TEST(Terrain, DuplicateAddressesAreAnError) {
    EXPECT_EQ(
        error("people { service_account a { email \"x@y\" } service_account b { email \"X@y\" } }"),
        "row 2: duplicate email \"x@y\", already in row 1");
    EXPECT_EQ(error(R"(terrain X { domain "d.example" team t { manager @bo }
        people { count 1 service_account bo {} } })"),
              "row 2: duplicate email \"bo@d.example\", already in row 1");
    EXPECT_EQ(error("people { service_account a { email \"nowhere\" } }"),
              "row 1: email \"nowhere\" has no @");
}

TEST(Terrain, GeneratedPeopleAvoidTheAccountsAddresses) {
    const Roster roster = people("people { count 1 service_account \"viktor.koch\" {} }");
    EXPECT_TRUE(roster.problems.empty()) << list_problems(roster.problems);
    EXPECT_NE(roster.rows[0].email, "viktor.koch@example.com");
}

TEST(Terrain, TheDomainComesFromAnAccountWhenTheStoryHasNone) {
    EXPECT_EQ(
        people("people { count 1 service_account a { email \"a@corp.example\" } }").rows[0].email,
        "viktor.koch@corp.example");
    EXPECT_EQ(people("domain \"top.example\" people { count 1 }").rows[0].email,
              "viktor.koch@top.example");
}

TEST(Terrain, PassesOverWhatItDoesNotNeed) {
    EXPECT_EQ(error(R"(// people { count 9 }
      /* people {
       */ terrain X {
        industry "x\"{y" seed 1
        org people { name "people { count 9 }" }
        department d { headcount 5 parent people team t { repos [a, "b", c] size 2 } mission -5 }
        project people { teams [people, team] timeline_start 2025-03 share 40% who @a-b }
        people { count 2 ... names "greek" archetypes { keen 50% idle 50% } }
        standard { capabilities { people { skills [] } } drivers {} }
        clinical { criteria { inclusion { age_min 18 } } content { per per_trial } }
        dataset people { tool synthea path a.b.c }
        output people json { path "x" }
        snapshots {}
      })"),
              "");
}

TEST(Terrain, ErrorsHaveLines) {
    const std::pair<const char *, const char *> cases[] = {
        {"seed 1", "line 0: the story has no people block"},
        {"terrain X {\n people {}\n", "line 1: terrain is never closed: a } is missing"},
        {"people {}\n}", "line 2: expected a keyword, found \"}\""},
        {"people {}\npeople {}", "line 2: a second people block"},
        {"terrain X {\n department d {\n", "line 2: department is never closed: a } is missing"},
        {"terrain X {\n standard {\n a {\n", "line 2: a block is never closed: a } is missing"},
        {"terrain X {\n team t { repos [a,\n } }",
         "line 2: a list is never closed: a ] is missing"},
        {"people { names \"x }", "line 1: a string is never closed"},
        {"people { names \"x }\n count 3 }\n\"",
         "line 1: people is never closed: a } is missing (the string that begins in line 1"},
        {"people {}\n/*", "line 2: a comment is never closed"},
        {"people\n#", "line 2: unexpected character \"#\""},
        {"people { count }", "line 1: count must be a whole number of at most 1000000, not \"}\""},
        {"people { count 1.5 }",
         "line 1: count must be a whole number of at most 1000000, not \"1.5\""},
        {"people { count -1 }",
         "line 1: count must be a whole number of at most 1000000, not \"-1\""},
        {"seed 18446744073709551616",
         "line 1: seed must be a whole number, not \"18446744073709551616\""},
        {"seed x", "line 1: seed must be a whole number, not \"x\""},
        {"domain x", "line 1: expected the domain in quotes, found \"x\""},
        {"people { distribution {\n L1 4o% } }", "line 2: bad percentage for \"L1\": \"4o\""},
        {"people { distribution {\n L1 -5% } }", "line 2: bad percentage for \"L1\": \"-5\""},
        {"people { distribution {\n L1 1.2.3% } }", "line 2: bad percentage for \"L1\": \"1.2.3\""},
        {"people { distribution {\n L1 100.1% } }", "line 2: bad percentage for \"L1\": \"100.1\""},
        {"people { distribution {\n L1 } }", "line 2: bad percentage for \"L1\": \"}\""},
        {"people { distribution { L1 50% } }", "line 1: distribution adds up to 50%, not 100%"},
        {"people { distribution { L1 60% L2 60% } }",
         "line 1: distribution adds up to 120%, not 100%"},
        {"people { distribution {} }", "line 1: distribution adds up to 0%, not 100%"},
        {"people { disciplines { a 1 a 1 } }", "line 1: \"a\" is given twice in disciplines"},
        {"people { service_account a { mail \"x\" } }",
         "line 1: unknown keyword \"mail\" in service_account"},
        {"people { service_account a { email x } }",
         "line 1: expected a text in quotes, found \"x\""},
        {"people { service_account { } }",
         "line 1: expected the id of the service account, found \"{\""},
        {"people { service_account a { name \"A\" name \"B\" } }",
         "line 1: a second name in service_account"},
        {"terrain X { team t { manager 5 } }", "line 1: expected a person, found \"5\""},
        {"@ people {}", "line 1: a name is missing after @"},
    };
    for (const auto &[story, wanted] : cases) {
        const std::string got = error(story);
        EXPECT_EQ(got.substr(0, std::string(wanted).size()), wanted) << story;
    }
    EXPECT_NE(error("people { names \"x\n count 3\n disciplines \"").find("begins in line 1"),
              std::string::npos);
}

TEST(Terrain, ThirdsAndWeightsAreFine) {
    EXPECT_EQ(error("people { count 9 distribution { a 33% b 33% c 33% } }"), "");
    EXPECT_EQ(error("people { count 9 distribution { a 33.333333% b 33.3% c 33.4% } }"), "");
    EXPECT_EQ(tally(people("people { count 9 distribution { a 2 b 1 } }"), &RosterRow::level),
              (std::map<std::string, int>{{"a", 6}, {"b", 3}}));
}

TEST(Terrain, NoPrefixOfAStoryCrashes) {
    for (std::size_t size = 0; size < teams.size(); ++size)
        error(teams.substr(0, size));
}

TEST(Numbers, AreRead) {
    EXPECT_EQ(parse_millionths("33.3"), 33'300'000U);
    EXPECT_EQ(parse_millionths("0.000001"), 1U);
    EXPECT_EQ(parse_millionths("0.0000001"), std::nullopt);
    EXPECT_EQ(parse_millionths("99999999999999999999"), std::nullopt);
    EXPECT_EQ(parse_millionths(""), std::nullopt);
    EXPECT_EQ(parse_whole("1000000", 1'000'000), 1'000'000U);
    EXPECT_EQ(parse_whole("1000001", 1'000'000), std::nullopt);
    EXPECT_EQ(parse_whole("", 5), std::nullopt);
}
