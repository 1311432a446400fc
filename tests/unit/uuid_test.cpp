#include "core_support.hpp"

#include "core/base/uuid.hpp"

namespace pg_principal {
namespace {

TEST(Uuid, AsPostgresqlWritesIt) {
    const std::string id = "9c1ab2d0-7A1B-4e5f-8a6b-0123456789aF";
    EXPECT_TRUE(is_uuid(id));
    EXPECT_TRUE(is_uuid("00000000-0000-0000-0000-000000000000"));
    for (std::size_t i = 0; i < id.size(); ++i)
        for (const char c : {'-', 'g', 'G', '/', ':', '@', '`', ' ', '\0', '\xc3'}) {
            std::string other = id;
            other[i] = c;
            EXPECT_EQ(is_uuid(other), other == id) << other;
        }
    for (const std::string &other :
         {std::string(), id.substr(1), id + "0", id + "\n", "{" + id.substr(2) + "}",
          std::string("9c1ab2d07a1b4e5f8a6b0123456789af")})
        EXPECT_FALSE(is_uuid(other)) << other;
}

} // namespace
} // namespace pg_principal
