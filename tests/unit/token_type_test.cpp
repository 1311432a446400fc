#include "core/jose/token_type.hpp"

#include <gtest/gtest.h>

namespace pg_principal {
namespace {

TEST(TokenType, MediaTypesAreComparedWithoutCaseAndPrefix) {
    for (const char *typ : {"JWT", "jwt", "Jwt", "application/jwt", "APPLICATION/JWT"}) {
        EXPECT_TRUE(is_same_type(typ, "jwt")) << typ;
        EXPECT_TRUE(is_same_type("JWT", typ)) << typ;
    }
    for (const char *typ : {"", "jw", "jwts", "application/", "application", "text/jwt",
                            "application/application/jwt", "jwt;x=y", " jwt", "jwt "})
        EXPECT_FALSE(is_same_type(typ, "jwt")) << typ;
    EXPECT_FALSE(is_same_type("\xcaWT", "jwt")); // only letters have a case
    EXPECT_FALSE(is_same_type("at\x0bjwt", "at+jwt"));
    EXPECT_FALSE(is_same_type(std::string_view("jwt\0", 4), "jwt"));
}

TEST(TokenType, AnAccessTokenSaysSoOrNothing) {
    EXPECT_TRUE(is_access_token_type(std::nullopt));
    for (const char *typ : {"JWT", "at+jwt", "application/at+jwt", "AT+JWT"})
        EXPECT_TRUE(is_access_token_type(typ)) << typ;
    for (const char *typ : {"", "JOSE", "logout+jwt", "secevent+jwt", "dpop+jwt", "refresh+jwt",
                            "oauth-id-jag+jwt", "id+jwt", "at", "+jwt"})
        EXPECT_FALSE(is_access_token_type(typ)) << typ;
}

TEST(TokenType, AnIdentityTokenIsNoAccessTokenOfSomebodyElse) {
    EXPECT_TRUE(is_identity_token_type(std::nullopt));
    for (const char *typ : {"JWT", "JOSE", "application/jose"})
        EXPECT_TRUE(is_identity_token_type(typ)) << typ;
    for (const char *typ : {"", "at+jwt", "logout+jwt", "secevent+jwt", "dpop+jwt"})
        EXPECT_FALSE(is_identity_token_type(typ)) << typ;
}

} // namespace
} // namespace pg_principal
