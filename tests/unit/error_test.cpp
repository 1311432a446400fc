#include "core_support.hpp"

#include <cctype>
#include <set>

namespace pg_principal {
namespace {

TEST(ErrorTable, EveryRowIsWellFormed) {
    std::set<std::string_view> ids;
    ASSERT_GT(error_kind_count(), 10u);
    for (std::size_t i = 0; i < error_kind_count(); ++i) {
        const ErrorKind &kind = error_kind(i);
        SCOPED_TRACE(kind.id);
        EXPECT_TRUE(ids.insert(kind.id).second);
        EXPECT_EQ(find_error_kind(kind.id), &kind);
        ASSERT_EQ(kind.sqlstate.size(), 5u);
        for (const char c : kind.sqlstate)
            EXPECT_TRUE(isdigit(c) || (isupper(c) && isalpha(c))) << c;
        EXPECT_NE(kind.sqlstate.substr(0, 2), "00");
        ASSERT_FALSE(kind.message.empty());
        EXPECT_FALSE(isupper(static_cast<unsigned char>(kind.message.front())));
        EXPECT_NE(kind.message.back(), '.');
        if (!kind.hint.empty()) {
            EXPECT_EQ(kind.hint.back(), '.');
            EXPECT_FALSE(islower(static_cast<unsigned char>(kind.hint.front())));
        }
    }
    EXPECT_EQ(find_error_kind("no such error"), nullptr);
}

TEST(Error, TextsAreFilledIn) {
    const Error error(Errc::duration_too_long, {"2y", "1y"}, "A detail.");
    EXPECT_EQ(error.message(), "duration 2y is longer than the ceiling of 1y");
    EXPECT_STREQ(error.what(), error.message().c_str());
    EXPECT_EQ(error.detail(), "A detail.");
    EXPECT_EQ(error.kind().sqlstate, "22023");
    const std::string_view args[] = {"x", "{0}"};
    EXPECT_EQ(format_error("{0}-{1}-{2}-{", args, 2), "x-{0}--{"); // arguments are not read again
}

} // namespace
} // namespace pg_principal
