// The command tree without a server: streams, exit codes, and the small things the verbs print
// with.
#include "cli/app.hpp"
#include "db/connection.hpp"

#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace pg_principal;
using namespace pg_principal::cli;
using namespace std::string_literals;

namespace {

struct Outcome {
    int code;
    std::string out, err;
};

Outcome call(std::vector<const char *> arguments, const std::string &input = "") {
    arguments.insert(arguments.begin(), "pg_principal");
    std::istringstream in(input);
    std::ostringstream out, err;
    Streams streams{in, out, err};
    const int code = run(static_cast<int>(arguments.size()), arguments.data(), streams);
    return {code, out.str(), err.str()};
}

} // namespace

TEST(App, VersionAndHelp) {
    EXPECT_EQ(call({"--version"}).out, "pg_principal "s + version + "\n");
    const Outcome help = call({"auth", "issue", "--help"});
    EXPECT_EQ(help.code, 0);
    EXPECT_NE(help.out.find("pg_principal auth issue [OPTIONS]"), std::string::npos);
    EXPECT_NE(help.out.find("Examples:"), std::string::npos);
    EXPECT_EQ(help.err, "");
}

TEST(App, WrongUsageIsTwo) {
    for (const std::vector<const char *> &arguments :
         std::vector<std::vector<const char *>>{{},
                                                {"auth"},
                                                {"frobnicate"},
                                                {"auth", "issue", "--frobnicate"},
                                                {"people", "push"},
                                                {"auth", "key", "--role", "root"},
                                                {"people", "validate", "x.txt"}}) {
        const Outcome outcome = call(arguments);
        EXPECT_EQ(outcome.code, 2);
        EXPECT_EQ(outcome.out, "");
        EXPECT_NE(outcome.err.find("\n  hint: "), std::string::npos) << outcome.err;
    }
}

TEST(App, AMissingAddressOfAnIssueIsOne) {
    for (const std::vector<const char *> &arguments :
         std::vector<std::vector<const char *>>{{"auth", "issue"}, {"auth", "issue", "--email="}}) {
        const Outcome outcome = call(arguments);
        EXPECT_EQ(outcome.code, 1);
        EXPECT_EQ(outcome.err, "pg_principal: --email is required\n");
    }
}

// Such a verb gets as far as the database that is not there.
TEST(App, AKeyIdMayBeginWithADash) {
    const char *kid = "-hCN-HwN9tsNntWwfKcBix8W443W5MaX2xRzOOuB4u8";
    for (const std::vector<const char *> &arguments : std::vector<std::vector<const char *>>{
             {"keys", "activate", kid, "--dsn", "host=/nowhere", "--output", "json"},
             {"keys", "revoke", "--dsn=host=/nowhere", "--output", "json", kid},
             {"keys", "retire", "--dsn", "host=/nowhere", "--", kid},
             {"--dsn", "host=/nowhere", "keys", "retire", "--", "-short"}}) {
        const Outcome outcome = call(arguments);
        EXPECT_EQ(outcome.code, 1) << outcome.out;
        EXPECT_NE(outcome.err.find("/nowhere"), std::string::npos) << outcome.err;
    }
    EXPECT_NE(call({"keys", "activate", "--", "a", "b"}).err.find("argument \"b\""),
              std::string::npos);
    EXPECT_NE(call({"keys", "activate", "a", "--output", kid}).err.find("--output"),
              std::string::npos);
}

TEST(App, ReadsStandardInput) {
    EXPECT_EQ(call({"people", "validate", "--format", "json", "-"},
                   R"([{"email": "a@x", "name": "A", "kind": "service_account"}])")
                  .out,
              "standard input: 1 row, all valid (0 persons, 1 service account)\n");
    EXPECT_EQ(call({"people", "validate", "-"}).code, 2);
    EXPECT_EQ(call({"people", "render", "--format", "json", "-", "--output", "csv"},
                   R"([{"email": "a@x", "name": "A,B"}])")
                  .out,
              "email,name,github_username,discipline,level,track,manager_email,team,kind\n"
              "a@x,\"A,B\",,,,,,,person\n");
}

TEST(App, TooMuchStandardInput) {
    EXPECT_EQ(
        call({"people", "validate", "--format", "csv", "-"}, std::string((64U << 20) + 1, 'x')).err,
        "pg_principal: standard input: larger than 64 MiB\n");
}

TEST(Errors, AreIndentedAndHarmless) {
    std::ostringstream err;
    print_error(err, "first\nsecond\033[2J", "one\ntwo", "three");
    EXPECT_EQ(err.str(), "pg_principal: first\n  detail: second?[2J\n  detail: one\n          two\n"
                         "  hint: three\n");
}

TEST(Tables, AlignByCharacters) {
    PGresult *made = PQmakeEmptyPGresult(nullptr, PGRES_TUPLES_OK);
    char name[] = "name", wide[] = "WIDE NAME", next[] = "next_x",
         accented[] = "\xc3\xa9t\xc3\xa9 \033", a[] = "a", b[] = "b";
    PGresAttDesc columns[3]{};
    columns[0].name = name;
    columns[1].name = next;
    columns[2].name = wide;
    ASSERT_TRUE(PQsetResultAttrs(made, 3, columns));
    ASSERT_TRUE(PQsetvalue(made, 0, 0, accented, static_cast<int>(sizeof(accented) - 1)));
    ASSERT_TRUE(PQsetvalue(made, 0, 1, nullptr, -1));
    ASSERT_TRUE(PQsetvalue(made, 1, 0, a, 1));
    ASSERT_TRUE(PQsetvalue(made, 1, 1, b, 1));
    const db::Result rows(made);
    const Listing listing{"NAME, X next_x"};
    std::istringstream in;
    std::ostringstream out, err;
    print_table(Streams{in, out, err}, rows, listing);
    EXPECT_EQ(out.str(), "NAME   X\n\xc3\xa9t\xc3\xa9 ?  -\na      b\n");
    out.str("");
    print_table(Streams{in, out, err, true, false}, rows, listing);
    EXPECT_EQ(out.str().substr(0, 4), "\033[1m");
    out.str("");
    print_table(Streams{in, out, err}, rows, {"WIDE NAME, NEXT X"});
    EXPECT_EQ(out.str().substr(0, 18), "WIDE NAME  NEXT X\n");
    EXPECT_THROW(print_table(Streams{in, out, err}, rows, {"Y"}), std::logic_error);
    out.str("");
    print_json(out, list_of(rows));
    EXPECT_EQ(out.str(), "[\n  {\n    \"name\": \"\xc3\xa9t\xc3\xa9 \\u001b\",\n"
                         "    \"nextX\": null\n  },\n  {\n    \"name\": \"a\",\n"
                         "    \"nextX\": \"b\"\n  }\n]\n");
    out.str("");
    Streams streams{in, out, err};
    print_row(Session{streams, "", "text"}, rows, "{name}: {next_x}.\n");
    print_row(Session{streams, "", "token"}, rows, "", "name");
    EXPECT_EQ(out.str(), "\xc3\xa9t\xc3\xa9 ?: .\n\xc3\xa9t\xc3\xa9 \033\n");
}

TEST(Parameters, ArraysAreQuoted) {
    EXPECT_EQ(db::array_param({}), "{}");
    EXPECT_EQ(db::array_param({"a", "b c", "{d,e}", "f\"g\\h", "NULL", ""}),
              R"({"a","b c","{d,e}","f\"g\\h","NULL",""})");
}

TEST(Dsn, HoldsNoPassword) {
    EXPECT_NO_THROW(db::check_dsn(""));
    EXPECT_NO_THROW(db::check_dsn("host=localhost dbname=x"));
    EXPECT_NO_THROW(db::check_dsn("postgresql://someone@localhost/x?sslmode=require"));
    for (const char *dsn : {"password=hunter2", "postgresql://u:hunter2@h/d", "hunter2",
                            "postgresql://h/d?password=hunter2", "host='hunter2"}) {
        try {
            db::check_dsn(dsn);
            ADD_FAILURE() << dsn;
        } catch (const UsageError &e) {
            EXPECT_EQ(std::string(e.what() + e.hint).find("hunter2"), std::string::npos);
        }
    }
}

TEST(ProgressLine, IsErased) {
    std::ostringstream err;
    {
        Progress progress(err, "push");
        progress.show(true, 0.5);
        progress.show(true, 1.2);
        progress.show(false, 3.2);
        progress.show(false, 3.4);
    }
    EXPECT_EQ(err.str(),
              "\r\033[Kpush: sending, 1 s\r\033[Kpush: the server is at work, 3 s\r\033[K");
    std::ostringstream quiet;
    { Progress progress(quiet, "push"); }
    EXPECT_EQ(quiet.str(), "");
}

TEST(Statements, ShortForms) {
    EXPECT_EQ(expanded("SELECT a, utc(b), json(c) AS d, to_json(e)"),
              "SELECT a, pg_catalog.to_char(pg_catalog.timezone('UTC', b), "
              "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS b, pg_catalog.to_json(c) AS d, to_json(e)");
}
