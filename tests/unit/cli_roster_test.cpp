// The YAML, CSV and JSON parsers, and what they have in common.
#include "roster/file.hpp"
#include "roster_support.hpp"

#include <gtest/gtest.h>

using namespace pg_principal;
using namespace pg_principal::cli;
using namespace std::string_literals;

namespace {

// Problems with their lines, or the rows' emails and names, or the error of the whole file.
std::string read(RosterFormat format, const std::string &text, RosterOptions options = {}) {
    try {
        const Roster roster = parse_roster(text, format, options);
        EXPECT_EQ(roster.rows.size(), roster.lines.size());
        if (!roster.problems.empty())
            return list_problems(roster.problems);
        std::string out;
        for (std::size_t i = 0; i < roster.rows.size(); ++i)
            out += *roster.rows[i].email + '=' + *roster.rows[i].name + '@' +
                   std::to_string(roster.lines[i]) + ';';
        return out;
    } catch (const RosterFileError &e) {
        return "line " + std::to_string(e.line) + ": " + e.what();
    }
}

std::string yaml(const std::string &text) { return read(RosterFormat::yaml, text); }
std::string csv(const std::string &text) { return read(RosterFormat::csv, text); }
std::string json(const std::string &text) { return read(RosterFormat::json, text); }

RosterRow only_row(RosterFormat format, const std::string &text) {
    const Roster roster = parse_roster(text, format);
    EXPECT_TRUE(roster.problems.empty()) << list_problems(roster.problems);
    return roster.rows.at(0);
}

} // namespace

TEST(Format, ComesFromTheExtension) {
    EXPECT_EQ(roster_format_of("a.yaml"), RosterFormat::yaml);
    EXPECT_EQ(roster_format_of("dir.csv/a.YML"), RosterFormat::yaml);
    EXPECT_EQ(roster_format_of("a.b.csv"), RosterFormat::csv);
    EXPECT_EQ(roster_format_of("a.json"), RosterFormat::json);
    EXPECT_EQ(roster_format_of("story.terrain"), RosterFormat::terrain);
    EXPECT_EQ(roster_format_of("story.dsl"), RosterFormat::terrain);
    for (const char *path : {"a", "a.txt", "dir.csv/a", "", ".", "a."})
        EXPECT_EQ(roster_format_of(path), std::nullopt) << path;
}

TEST(AnyFormat, RefusesWhatIsNoText) {
    for (const auto format :
         {RosterFormat::yaml, RosterFormat::csv, RosterFormat::json, RosterFormat::terrain}) {
        EXPECT_EQ(read(format, ""), "line 0: the file is empty");
        EXPECT_EQ(read(format, "\xef\xbb\xbf \n"), "line 0: the file is empty");
        EXPECT_EQ(read(format, "a\n\0"s), "line 2: a NUL byte");
        EXPECT_EQ(read(format, "\n\nx\xff"),
                  "line 3: not valid UTF-8; possibly Windows-1252, which Excel uses for plain CSV");
        EXPECT_EQ(read(format, "\xff\xfe"
                               "a\0"s),
                  "line 0: the file is UTF-16, not UTF-8");
        EXPECT_EQ(read(format, "\xfe\xff\0a"s), "line 0: the file is UTF-16, not UTF-8");
        EXPECT_EQ(read(format, "e\0m\0"s), "line 0: the file is UTF-16LE, not UTF-8");
        EXPECT_EQ(read(format, "\0e\0m"s), "line 0: the file is UTF-16BE, not UTF-8");
        EXPECT_EQ(read(format, "\xff\xfe\0\0e\0\0\0"s), "line 0: the file is UTF-32, not UTF-8");
        EXPECT_EQ(read(format, std::string(max_roster_bytes + 1, 'x')),
                  "line 0: larger than 64 MiB");
    }
}

TEST(Yaml, ReadsAllThreeShapes) {
    const std::string rows = "- {email: A@x, name: A}\n- email: b@x\n  name: B\n";
    EXPECT_EQ(yaml(rows), "a@x=A@1;b@x=B@2;");
    EXPECT_EQ(yaml("people:\n" + rows), "a@x=A@2;b@x=B@3;");
    EXPECT_EQ(yaml("roster:\n" + rows), "a@x=A@2;b@x=B@3;");
    EXPECT_EQ(yaml("version: 1\nmeta: {people: [7]}\npeople:\n" + rows), "a@x=A@4;b@x=B@5;");
    EXPECT_EQ(yaml("\xef\xbb\xbf" + rows), "a@x=A@1;b@x=B@2;");
    EXPECT_EQ(yaml("[]"), "");
    EXPECT_EQ(yaml("people: []"), "");
}

TEST(Yaml, EveryScalarIsAString) {
    const RosterRow row = only_row(RosterFormat::yaml, "- {email: 1@2, name: 007, level: 1.10, "
                                                       "team: yes, track: null, discipline: ~}");
    EXPECT_EQ(row.name, "007");
    EXPECT_EQ(row.level, "1.10");
    EXPECT_EQ(row.team, "yes");
    EXPECT_EQ(row.track, std::nullopt);
    EXPECT_EQ(row.discipline, std::nullopt);
    EXPECT_EQ(only_row(RosterFormat::yaml, "- {email: a@x, name: 'null'}").name, "null");
}

TEST(Yaml, NamesBadRows) {
    EXPECT_EQ(yaml("- a\n- [b]\n- {email: c@x, name: [C]}\n- {email: d@x, name: {first: D}}\n"),
              "row 1: must be an object of fields, not a text\n"
              "row 2: must be an object of fields, not a list\n"
              "row 3: name must be a string, not a list\n"
              "row 4: name must be a string, not a mapping");
    EXPECT_EQ(yaml("- {email: a@x, name: A, colour: red, colour: [1]}"),
              "row 1: unknown field \"colour\"\nrow 1: unknown field \"colour\"");
    EXPECT_EQ(yaml("- {email: a@x, name: A, Kind: service_account}"),
              "row 1: unknown field \"Kind\", did you mean \"kind\"");
    EXPECT_EQ(yaml("- {email: a@x, email: b@x, name: A}"), "row 1: field \"email\" is given twice");
    EXPECT_EQ(yaml("- {email: a@x, name: A, level: ~, level: L1}"),
              "row 1: field \"level\" is given twice");
    EXPECT_EQ(yaml("- ? [a]\n  : b\n  email: a@x\n  name: A\n- {email: b@x}"),
              "row 1: a field's name cannot be a list\nrow 2: name is missing");
    EXPECT_EQ(yaml("- {email: a@x, name: \"A\\0B\"}"),
              "row 1: name \"A\\x00B\" contains a NUL byte");
}

TEST(Yaml, AnAliasIsATextAndNothingElse) {
    EXPECT_EQ(yaml("- {email: a@x, name: &n A}\n- {email: b@x, name: *n}"), "a@x=A@1;b@x=A@2;");
    EXPECT_EQ(yaml("- &r {email: a@x, name: A}\n- *r"),
              "row 2: must be an object of fields, not an alias to a list or a mapping");
    EXPECT_NE(
        yaml("- {email: a@x, name: &n " + std::string(1001, 'y') + "}\n- {email: b@x, name: *n}")
            .find("row 2: name must be a string, not an alias to a long text"),
        std::string::npos);
    EXPECT_EQ(yaml("x: {a: &a [1, 1], b: &b [*a, *a]}\npeople: *b"),
              "line 2: a list of people is expected here, not an alias to a list or a mapping");
}

// What would be passed over in silence, an agent's kind or whole lists, is refused on request too.
TEST(Yaml, RefusesWhatItDoesNotUnderstand) {
    RosterOptions options;
    options.ignore_unknown_fields = true;
    const auto lenient = [&](const std::string &text) {
        return read(RosterFormat::yaml, text, options);
    };
    const std::string merge = "row 1: merge keys (<<) are not supported: write the fields out";
    EXPECT_EQ(lenient("d: &d {kind: service_account}\npeople:\n- {<<: *d, email: a@x, name: A}"),
              merge);
    EXPECT_EQ(lenient("- {'<<': {kind: service_account}, email: a@x, name: A}"), merge);
    EXPECT_EQ(lenient("- {<<: [{level: L1}], email: a@x, name: A}"), merge);
    EXPECT_EQ(lenient("<<: {people: []}\npeople: []"),
              "line 1: merge keys (<<) are not supported: write the fields out");
    EXPECT_EQ(lenient("- {email: a@x, name: A, Manager-Email: b@x}"),
              "row 1: unknown field \"Manager-Email\", did you mean \"manager_email\"");
    EXPECT_EQ(lenient("people: []\nagents: [{email: a@x}]"),
              "line 2: an unknown list \"agents\": neither people nor roster");
    EXPECT_EQ(lenient("agents:\n- email: a@x\npeople: []"),
              "line 2: an unknown list \"agents\": neither people nor roster");
    EXPECT_EQ(lenient("x: {y: &l [{email: a@x}]}\nagents: *l\npeople: []"),
              "line 2: an unknown list \"agents\": neither people nor roster");
    EXPECT_EQ(lenient("- {email: a@x, name: !!binary QQ==}"),
              "line 1: the tag \"tag:yaml.org,2002:binary\" is not supported");
    EXPECT_EQ(lenient("people: !!set {? a}"),
              "line 1: the tag \"tag:yaml.org,2002:set\" is not supported");
    EXPECT_EQ(lenient("- {email: a@x, name: !!str 7, id: 'x'}"), "a@x=7@1;");
}

TEST(Yaml, RefusesFilesItCannotRead) {
    EXPECT_EQ(yaml("people: none"), "line 1: a list of people is expected here, not a text");
    EXPECT_EQ(yaml("people:\n"), "line 2: a list of people is expected here, not nothing");
    EXPECT_EQ(yaml("staff: none"),
              "line 0: no list of people: expected a list, or people: or roster:");
    EXPECT_EQ(yaml("people: []\nroster: []"), "line 2: a second list of people");
    EXPECT_EQ(yaml("[]\n---\n[]"), "line 0: more than one YAML document");
    EXPECT_EQ(yaml("- {email: \"a@x"), "line 1: malformed YAML: illegal EOF in scalar");
    EXPECT_EQ(yaml("- email: a@x\n name: A\n").substr(0, 23), "line 2: malformed YAML:");
    std::string deep;
    for (int i = 0; i < 100'000; ++i)
        deep += "- ";
    EXPECT_NE(yaml(deep + "x").find("nested too deeply"), std::string::npos);
}

TEST(Csv, ReadsRfc4180) {
    EXPECT_EQ(csv("email,name\na@x,A\nb@x,B"), "a@x=A@2;b@x=B@3;");
    EXPECT_EQ(csv("name,email\r\nA,a@x\r\nB,b@x\r\n"), "a@x=A@2;b@x=B@3;");
    EXPECT_EQ(csv("\xef\xbb\xbf"
                  "Email, NAME \na@x,A\n"),
              "a@x=A@2;");
    EXPECT_EQ(csv("email,name\na@x,\"Lovelace, \"\"Ada\"\"\"\n"), "a@x=Lovelace, \"Ada\"@2;");
    EXPECT_EQ(csv("email,name\n\n\"\r\na@x\",A\n\nb@x,B\n"), "a@x=A@3;b@x=B@6;");
    EXPECT_EQ(csv("email,name\n"), "");
}

TEST(Csv, AnEmptyFieldIsAbsent) {
    const RosterRow row = only_row(RosterFormat::csv, "email,name,team,level\na@x,A,,\"\"\n");
    EXPECT_EQ(row.team, std::nullopt);
    EXPECT_EQ(row.level, std::nullopt);
}

TEST(Csv, NamesBadRows) {
    EXPECT_EQ(csv("email,name\na@x\nb@x,B,b\n\"c@x\"c,C\nd@x,D\"D\ne@x,E\n"),
              "row 1: has 1 field, the header 2\nrow 2: has 3 fields, the header 2\n"
              "row 3: a quote in the middle of a field\nrow 4: a quote in the middle of a field");
    EXPECT_EQ(csv("email,name\na@x,\"A\nB\"\n"),
              "row 1: name \"A\\x0aB\" contains a control character");
    EXPECT_EQ(csv("email,name\na@x," + std::string(100'000, ',') + "\n"),
              "row 1: has 100002 fields, the header 2");
}

TEST(Csv, FindsTheSeparator) {
    EXPECT_EQ(csv("email;name;level\na@x;A, B;L1\n"), "a@x=A, B@2;");
    EXPECT_EQ(csv("email\tname\na@x\tA;B,C\n"), "a@x=A;B,C@2;");
    EXPECT_EQ(csv("\"email\";\"name\"\n\"a@x\";\"A;B\"\n"), "a@x=A;B@2;");
    EXPECT_EQ(csv("sep=;\r\nemail;name\r\na@x;A\r\n"), "a@x=A@3;");
    EXPECT_EQ(csv("\"sep=,\"\nemail,name\na@x,A;B\n"), "a@x=A;B@3;");
    EXPECT_EQ(csv("sep=\t\nemail\tname\na@x\tA\n"), "a@x=A@3;");
    EXPECT_EQ(csv("version:v1.0\nemail,name\na@x,A\n"), "a@x=A@3;");
    EXPECT_EQ(csv("version:v1.0,,\nsep=;\nemail;name\na@x;A\n"), "a@x=A@4;");
    EXPECT_EQ(csv("mail;full name\n"), "line 1: unknown field \"mail\" in the header");
    EXPECT_EQ(csv("version:v1.0"), "line 1: unknown field \"version:v1.0\" in the header");
}

TEST(Csv, ARowOfSeparatorsIsEmpty) {
    EXPECT_EQ(csv("email,name\n,\na@x,A\n, \n\"\",\"\"\n,,,,\n\t,\nb@x,B\n"), "a@x=A@3;b@x=B@8;");
    EXPECT_EQ(csv("email;name\n;\n;;;\na@x;A"), "a@x=A@4;");
    EXPECT_EQ(csv(",,\nemail,name,\na@x,A,\n"), "a@x=A@3;");
    EXPECT_EQ(csv("email,name,,\na@x,A,,x\n"),
              "row 1: a value in column 4, which has no name in the header");
}

TEST(Maps, AreRead) {
    const auto map = parse_field_map(" givenName + Sur name [Required] = name ");
    ASSERT_TRUE(map);
    EXPECT_EQ(map->sources, (std::vector<std::string>{"givenname", "sur name [required]"}));
    EXPECT_EQ(map->target->name, "name");
    EXPECT_EQ(parse_field_map("a=b=name")->sources.front(), "a=b");
    for (const char *text :
         {"", "=", "mail", "mail=", "=email", "mail=Email", "mail=x", "a+=name", "+a=name"})
        EXPECT_FALSE(parse_field_map(text)) << text;
}

TEST(Maps, MakeFields) {
    const auto mapped = [](RosterFormat format, const std::string &text,
                           std::vector<const char *> maps, bool ignore = false) {
        RosterOptions options;
        options.ignore_unknown_fields = ignore;
        for (const char *map : maps)
            options.maps.push_back(*parse_field_map(map));
        return read(format, text, options);
    };
    const auto csv_format = RosterFormat::csv;
    const std::string sheet = "Mail,givenName,surname\na@x,A, B \nc@x,,D\n";
    EXPECT_EQ(mapped(csv_format, sheet, {"mail=email", "givenName+surname=name"}),
              "a@x=A B@2;c@x=D@3;");
    // one field twice, and one that stands for another no longer stands for itself
    EXPECT_EQ(
        mapped(csv_format, "login,name,email\na@x,A,b@x\n", {"login=email", "email=manager_email"}),
        "a@x=A@2;");
    EXPECT_EQ(mapped(csv_format, sheet, {"mail=email", "mail=name", "givenName+surname=team"}),
              "a@x=a@x@2;c@x=c@x@3;");
    // what is wrong with a map is said, whatever is ignored
    EXPECT_EQ(mapped(csv_format, sheet, {"maill=email", "surname=name"}, true),
              "line 1: --map names the column \"maill\", which the header does not have");
    EXPECT_EQ(mapped(csv_format, "email,mail,name\na@x,b@x,A\n", {"mail=email"}),
              "row 1: field \"email\" is given twice");
    EXPECT_EQ(mapped(csv_format, "email,name\na@x,A\n", {"email=manager_email"}),
              "line 1: the header has no column \"email\"");
    EXPECT_EQ(mapped(csv_format, "mail,mail,name\na@x,b@x,A\n", {"mail=email"}),
              "line 1: field \"mail\" is given twice in the header");
    EXPECT_EQ(mapped(RosterFormat::json,
                     R"([{"mail": "a@x", "givenName": "A", "surname": null, "id": 1}])",
                     {"mail=email", "givenName+surname=name"}, true),
              "a@x=A@0;");
    EXPECT_EQ(mapped(RosterFormat::json, R"([{"mail": 7, "name": "A"}])", {"mail=email"}),
              "row 1: mail must be a string, not a number");
    EXPECT_EQ(mapped(RosterFormat::yaml,
                     "- {mail: a@x, name: A}\n- {mail: b@x, mail: c@x, name: B}", {"mail=email"}),
              "row 2: field \"mail\" is given twice");
    EXPECT_EQ(mapped(RosterFormat::yaml, "- {mail: a@x, name: A}", {"mail=email", "lvl=level"}),
              "line 0: --map names the field \"lvl\", which the file does not have");
}

TEST(Csv, RefusesFilesItCannotRead) {
    EXPECT_EQ(csv("email,name\na@x,A\n\"b@x,B\n\n"), "line 3: a quoted field is never closed");
    EXPECT_EQ(csv("a@x,A\n"), "line 1: unknown field \"a@x\" in the header");
    EXPECT_EQ(csv("name\nA\n"), "line 1: the header has no column \"email\"");
    EXPECT_EQ(csv("email,EMAIL\n"), "line 1: field \"email\" is given twice in the header");
    EXPECT_EQ(csv("email,\"na\"me\n"), "line 1: a quote in the middle of a field of the header");
    EXPECT_EQ(csv("email," + std::string(1000, ',')), "line 1: the header has too many columns");
}

TEST(Json, ReadsAllThreeShapes) {
    const std::string rows = R"([{"email": "A@x", "name": "A", "level": null}])";
    EXPECT_EQ(json(rows), "a@x=A@0;");
    EXPECT_EQ(json("{\"people\": " + rows + "}"), "a@x=A@0;");
    EXPECT_EQ(json(R"({"version": {"a": [1, {"people": 2}]}, "roster": )" + rows + "}"),
              "a@x=A@0;");
    EXPECT_EQ(json("[]"), "");
}

TEST(Json, NamesBadRows) {
    EXPECT_EQ(json(R"([1, "a", null, true, [], {"email": "a@x", "name": "A"}])"),
              "row 1: must be an object of fields, not a number\n"
              "row 2: must be an object of fields, not a string\n"
              "row 3: must be an object of fields, not null\n"
              "row 4: must be an object of fields, not a boolean\n"
              "row 5: must be an object of fields, not a list");
    EXPECT_EQ(
        json(R"([{"email": "a@x", "name": 1, "level": -2.5, "team": {"a": [1]}, "track": false}])"),
        "row 1: name must be a string, not a number\n"
        "row 1: level must be a string, not a number\n"
        "row 1: team must be a string, not an object\n"
        "row 1: track must be a string, not a boolean");
    EXPECT_EQ(json(R"([{"email": "a@x", "name": "A", "email": "b@x"}])"),
              "row 1: field \"email\" is given twice");
    EXPECT_EQ(json(R"([{"email": "a@x", "name": "A\u0000"}])"),
              "row 1: name \"A\\x00\" contains a NUL byte");
}

TEST(Json, RefusesFilesItCannotRead) {
    EXPECT_EQ(json("7"), "line 0: a list of people is expected here, not a number");
    EXPECT_EQ(json(R"({"people": "x"})"),
              "line 0: a list of people is expected here, not a string");
    EXPECT_EQ(json(R"({"people": [], "roster": []})"), "line 0: a second list of people");
    EXPECT_EQ(json(R"({"people": [], "agents": [{"email": "a@x"}]})"),
              "line 0: an unknown list \"agents\": neither people nor roster");
    EXPECT_EQ(json("{}"), "line 0: no list of people: expected a list, or people or roster");
    EXPECT_EQ(json("[\n{\"email\": \"a@x\",\n").substr(0, 23), "line 3: malformed JSON:");
    EXPECT_EQ(json("[] []").substr(0, 23), "line 1: malformed JSON:");
    EXPECT_LT(json("\"" + std::string(100'000, 'x')).size(), 300U);
    EXPECT_EQ(json(std::string(1'000'000, '[')).substr(0, 23), "line 1: malformed JSON:");
}

TEST(Options, UnknownFieldsCanBeIgnored) {
    RosterOptions options;
    options.ignore_unknown_fields = true;
    EXPECT_EQ(read(RosterFormat::yaml, "- {email: a@x, name: A, id: [1]}", options), "a@x=A@1;");
    EXPECT_EQ(read(RosterFormat::csv, "id,email,name,id\n1,a@x,A,2\n", options), "a@x=A@2;");
    EXPECT_EQ(read(RosterFormat::json, R"([{"email": "a@x", "name": "A", "id": 1}])", options),
              "a@x=A@0;");
}

TEST(Problems, AreSortedAndNotRepeated) {
    EXPECT_EQ(json(R"([{"email": 1, "name": "A"}, {"email": "b", "name": "B"}, 3])"),
              "row 1: email must be a string, not a number\nrow 2: email \"b\" has no @\n"
              "row 3: must be an object of fields, not a number");
    EXPECT_EQ(yaml("- {email: a@x, name: A}\n- {email: a@x, name: B, colour: red}"),
              "row 2: unknown field \"colour\"\nrow 2: duplicate email \"a@x\", already in row 1");
}

TEST(Writing, ReadsBackTheSame) {
    RosterRow row;
    row.email = "ada@example.com";
    row.name = "Ada, \"the\" Lovelace: #1 & 'more' \xc3\xa9\\";
    row.level = "null";
    row.team = "- x";
    row.track = "0123";
    row.discipline = "yes";
    row.github_username = "a:b";
    row.kind = "person";
    for (const auto &[format, text] :
         {std::pair{RosterFormat::yaml, write_yaml_roster({row, row})},
          std::pair{RosterFormat::csv, write_csv_roster({row, row})},
          std::pair{RosterFormat::json, write_json_roster({row, row})},
          std::pair{RosterFormat::json, write_push_roster({row, row})}}) {
        const Roster roster = parse_roster(text, format);
        ASSERT_EQ(roster.rows.size(), 2U) << text;
        for (const RosterField &field : roster_fields)
            EXPECT_EQ(roster.rows[1].*field.member, row.*field.member) << field.name << text;
    }
    EXPECT_EQ(write_yaml_roster({}), "people: []\n");
    EXPECT_EQ(write_push_roster({}), "[]");
}
