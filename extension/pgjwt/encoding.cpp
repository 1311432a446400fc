#include "pgjwt/encoding.hpp"

#include "core/base/bytes.hpp"
#include "pg/bridge/bridge.hpp"

extern "C" {
#include "mb/pg_wchar.h"
}

#include <algorithm>

namespace pg_principal::pgjwt {

void url_decode(std::string_view text, std::string &out) {
    if (base64url_decode(text, out)) // the only spelling that tokens have in practice
        return;
    std::string base64(text);
    std::replace(base64.begin(), base64.end(), '-', '+');
    std::replace(base64.begin(), base64.end(), '_', '/');
    // characters, not bytes, are counted
    const int rest = guard(
        [text] { return pg_mbstrlen_with_len(text.data(), static_cast<int>(text.size())) % 4; });
    base64.append(rest > 0 ? 4 - rest : 0, '=');
    const ::text *input = to_bytes(base64);
    const bytea *decoded = guard([input] {
        return DatumGetByteaPP(DirectFunctionCall2(binary_decode, PointerGetDatum(input),
                                                   CStringGetTextDatum("base64")));
    });
    out.assign(view_of(decoded));
}

std::string_view from_utf8(std::string_view utf8) {
    return guard([utf8] {
        const int length = static_cast<int>(utf8.size());
        // first, so that an invalid sequence is reported before a character without equivalent
        pg_verify_mbstr(PG_UTF8, utf8.data(), length, false);
        auto *source = reinterpret_cast<unsigned char *>(const_cast<char *>(utf8.data()));
        const char *result = reinterpret_cast<char *>(
            pg_do_encoding_conversion(source, length, PG_UTF8, GetDatabaseEncoding()));
        return result == utf8.data() ? utf8 : std::string_view(result);
    });
}

} // namespace pg_principal::pgjwt
