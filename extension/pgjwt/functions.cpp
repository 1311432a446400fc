// The SQL functions of pg_principal_pgjwt: unpack, one call, pack.
#include "core/base/bytes.hpp"
#include "pg/bridge/bridge.hpp"
#include "pgjwt/claims.hpp"
#include "pgjwt/encoding.hpp"
#include "pgjwt/hmac.hpp"

using namespace pg_principal;
using namespace pg_principal::pgjwt;

namespace {

// The first three parts between dots; more are ignored, and one that is missing is NULL.
struct Token {
    std::string_view header, signed_text;
    std::optional<std::string_view> payload, signature;

    explicit Token(std::string_view token) noexcept {
        const std::size_t first = token.find('.');
        header = token.substr(0, first);
        if (first == token.npos)
            return;
        const std::size_t second = token.find('.', first + 1);
        payload = token.substr(first + 1, second == token.npos ? second : second - first - 1);
        signed_text = token.substr(0, second);
        if (second == token.npos)
            return;
        signature = token.substr(second + 1, token.substr(second + 1).find('.'));
    }
};

std::string_view algorithm_argument(FunctionCallInfo fcinfo, int n) {
    return PG_ARGISNULL(n) ? std::string_view() : bytes_argument(fcinfo, n);
}

} // namespace

SQL_FUNCTION(pgjwt_url_encode) {
    return PointerGetDatum(to_bytes(base64url_encode(bytes_argument(fcinfo, 0))));
}

SQL_FUNCTION(pgjwt_url_decode) {
    std::string bytes;
    url_decode(bytes_argument(fcinfo, 0), bytes);
    return PointerGetDatum(to_bytes(bytes));
}

SQL_FUNCTION(pgjwt_algorithm_sign) {
    if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
        PG_RETURN_NULL(); // whatever the algorithm is
    const Hash hash = require_hash(algorithm_argument(fcinfo, 2));
    return PointerGetDatum(
        to_bytes(signature(hash, bytes_argument(fcinfo, 1), bytes_argument(fcinfo, 0))));
}

SQL_FUNCTION(pgjwt_sign) {
    const std::string_view algorithm = algorithm_argument(fcinfo, 2);
    const std::string header =
        std::string(R"({"alg":")").append(algorithm).append(R"(","typ":"JWT"})");
    // a character that cannot be converted is an error even where something else is NULL
    std::string token = base64url_encode(to_utf8(header));
    token += '.';
    if (!PG_ARGISNULL(0))
        base64url_append(token, to_utf8(bytes_argument(fcinfo, 0)));
    if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
        PG_RETURN_NULL();
    const std::string mac = signature(require_hash(algorithm), bytes_argument(fcinfo, 1), token);
    return PointerGetDatum(to_bytes(token.append(1, '.').append(mac)));
}

SQL_FUNCTION(pgjwt_try_cast_double) {
    const std::optional<double> value = try_cast_double(bytes_argument(fcinfo, 0));
    if (!value)
        PG_RETURN_NULL();
    return Float8GetDatum(*value);
}

SQL_FUNCTION(pgjwt_verify_part) {
    const Token token(bytes_argument(fcinfo, 0));
    const bool is_header = PG_GETARG_INT32(1) == 1;
    if (!is_header && !token.payload)
        PG_RETURN_NULL();
    std::string bytes;
    url_decode(is_header ? token.header : *token.payload, bytes);
    return PointerGetDatum(to_bytes(bytes));
}

SQL_FUNCTION(pgjwt_verify_json) { return to_json(bytes_argument(fcinfo, 0)); }

SQL_FUNCTION(pgjwt_verify_signature) {
    if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
        PG_RETURN_NULL();
    const Token token(bytes_argument(fcinfo, 0));
    if (!token.payload)
        PG_RETURN_NULL();
    const Hash hash = require_hash(algorithm_argument(fcinfo, 2));
    if (!token.signature)
        PG_RETURN_NULL();
    return BoolGetDatum(constant_time_equal(
        *token.signature, signature(hash, bytes_argument(fcinfo, 1), token.signed_text)));
}

SQL_FUNCTION(pgjwt_verify_time) {
    return BoolGetDatum(PG_ARGISNULL(0) || is_in_time(bytes_argument(fcinfo, 0)));
}
