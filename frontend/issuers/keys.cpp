#include "issuers/keys.hpp"

#include "base/failure.hpp"
#include "base/terminal.hpp"
#include "base/text_object.hpp"
#include "core/base/utf8.hpp"

namespace pg_principal::cli {

namespace {

const db::Statement end_fetch{
    "SELECT outcome, url, problem FROM auth.end_key_fetch($1::pg_catalog.uuid, "
    "$2::pg_catalog.text, $3::pg_catalog.jsonb)"};

} // namespace

db::Result carry_keys(http::Fetcher &fetcher, const Ask &ask, const db::Result &fetch) {
    std::string url(fetch.text(0, 2));
    for (bool is_second = false;; is_second = true) {
        db::Param body;
        std::string answer;
        try {
            http::Fetched fetched = fetcher.get(url);
            if (!is_utf8(fetched.body) || fetched.body.find('\0') != std::string::npos)
                throw Failure("it is no JSON");
            body = std::move(fetched.body);
            answer = text_object({{"cacheControl", fetched.cache_control},
                                  {"expires", fetched.expires},
                                  {"date", fetched.date},
                                  {"age", fetched.age},
                                  {"isSecond", is_second ? "true" : "false"}});
        } catch (const Failure &failure) {
            answer = text_object({{"error", failure.what()}});
        }
        db::Result end = ask(end_fetch, {std::string(fetch.text(0, 1)), body, answer});
        if (end.text(0, 0) != "elsewhere" || is_second)
            return end;
        url = end.text(0, 1);
    }
}

http::FetchRules fetch_rules(const FetchFlags &flags) {
    http::FetchRules rules;
    rules.time = milliseconds(static_cast<std::int64_t>(flags.seconds * 1000));
    rules.authorities = flags.authorities;
    rules.user_agent = "pg_principal/" PG_PRINCIPAL_VERSION;
    rules.allowed = http::address_ranges(flags.allowed, "--fetch-from");
    return rules;
}

FetchFlags flags_of(const Given &given) {
    return {given["--fetch-ca"], given.list("--fetch-from"), std::stod(given["--fetch-timeout"])};
}

} // namespace pg_principal::cli
