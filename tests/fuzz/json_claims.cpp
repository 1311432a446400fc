// JSON and the claims in it: what is read can be written and read again, another reader agrees, and
// claims pass for the reasons they should.
#include "fuzz.hpp"

#include "core/base/utf8.hpp"
#include "core/jose/jwt.hpp"
#include "core/json/storable.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <set>

using namespace pg_principal;

namespace {

void write(std::string &out, json::Value value) {
    if (value.is_object()) {
        out += '{';
        std::set<std::string_view> names;
        for (const auto &[name, member] : value.members()) {
            fuzz::check(names.insert(name).second, "no name is repeated");
            out += out.back() == '{' ? "" : ",";
            json::append_quoted(out, name);
            out += ':';
            write(out, member);
        }
        fuzz::check(names.size() == value.size(), "an object knows its size");
        out += '}';
    } else if (value.is_array()) {
        out += '[';
        std::size_t count = 0;
        for (const json::Value element : value.elements()) {
            out += count++ ? "," : "";
            write(out, element);
        }
        fuzz::check(count == value.size(), "an array knows its size");
        out += ']';
    } else if (value.is_string()) {
        fuzz::check(value.as_string().find('\0') == std::string_view::npos, "no NUL in a string");
        json::append_quoted(out, value.as_string());
    } else if (value.is_number()) {
        out += value.number_text();
    } else {
        out += value.is_null() ? "null" : value.as_bool() ? "true" : "false";
    }
}

bool same(json::Value ours, const nlohmann::json &theirs) {
    if (ours.is_object()) {
        if (!theirs.is_object() || theirs.size() != ours.size())
            return false;
        for (const auto &[name, member] : ours.members()) {
            const auto found = theirs.find(std::string(name));
            if (found == theirs.end() || !same(member, *found))
                return false;
            const json::Value looked_up = ours.find(name);
            fuzz::check(looked_up.type() == member.type(), "find() finds the member");
        }
        return true;
    }
    if (ours.is_array()) {
        if (!theirs.is_array() || theirs.size() != ours.size())
            return false;
        std::size_t i = 0;
        for (const json::Value element : ours.elements())
            if (!same(element, theirs[i++]))
                return false;
        return true;
    }
    if (ours.is_string())
        return theirs.is_string() && theirs.get_ref<const std::string &>() == ours.as_string();
    if (ours.is_number()) {
        const auto number = ours.as_double();
        return theirs.is_number() && number && *number == theirs.get<double>();
    }
    return ours.is_null() ? theirs.is_null()
                          : theirs.is_boolean() && theirs.get<bool>() == ours.as_bool();
}

// Against the same number in 64 bits of mantissa, which hold every date that is accepted.
void check_date(json::Value value) {
    const auto us = numeric_date_us(value);
    if (!value.is_number())
        return fuzz::check(!us, "a date is a number");
    const long double seconds = std::strtold(std::string(value.number_text()).c_str(), nullptr);
    constexpr long double limit = 9007199254740992.0L;
    // at the limit itself the reference has lost what comes after it
    if (std::fabs(seconds) < limit)
        fuzz::check(us.has_value(), "a date within 2^53 seconds is accepted");
    if (std::fabs(seconds) > limit)
        fuzz::check(!us, "a date beyond 2^53 seconds is refused");
    if (us && std::fabs(seconds) < 9.2e12L)
        fuzz::check(std::fabs(static_cast<long double>(*us) - seconds * 1e6L) <= 2,
                    "a date is the number in microseconds");
}

void check_rules(json::Value claims) {
    ClaimRules rules;
    rules.time = {1'700'000'000'000'000, 0};
    const TokenFault plain = check_claims(claims, rules);
    const json::Value exp = claims.find("exp"), nbf = claims.find("nbf");
    if (plain == TokenFault::none) {
        fuzz::check(claims.is_object(), "claims are an object");
        fuzz::check(!exp || *numeric_date_us(exp) > rules.time.now_us, "not expired");
        fuzz::check(!nbf || *numeric_date_us(nbf) <= rules.time.now_us, "valid already");
    }
    rules.time.skew_s = 300;
    if (plain == TokenFault::none)
        fuzz::check(check_claims(claims, rules) == TokenFault::none, "skew only widens");
    rules.require_expiry = true;
    if (check_claims(claims, rules) == TokenFault::none)
        fuzz::check(exp.is_number(), "an expiry that is required is there");
    rules.issuer = "joe";
    if (check_claims(claims, rules) == TokenFault::none)
        fuzz::check(claims.find("iss").as_string() == "joe", "the issuer is the one asked for");
    rules.audience = "api";
    if (check_claims(claims, rules) == TokenFault::none) {
        const json::Value aud = claims.find("aud");
        bool named = aud.is_string() && aud.as_string() == "api";
        if (aud.is_array())
            for (const json::Value element : aud.elements())
                named |= element.as_string() == "api";
        fuzz::check(named, "the audience is among those named");
    }
}

bool in_range(json::Value value) {
    if (value.is_object())
        for (const auto &[name, member] : value.members())
            if (!in_range(member))
                return false;
    if (value.is_array())
        for (const json::Value element : value.elements())
            if (!in_range(element))
                return false;
    return !value.is_number() || value.as_double();
}

// What a stranger publishes, before jsonb takes it: no more is lost than has to be.
void check_storable(std::string_view text, bool is_json) {
    const std::string held = json::storable(text);
    fuzz::check(is_utf8(held) && json::storable(held) == held, "what is storable stays as it is");
    json::Document document, shallow;
    const json::Limits limits{512, std::size_t{64} << 20, true};
    fuzz::check(!is_json || static_cast<bool>(json::try_parse(document, held, limits)),
                "JSON stays JSON");
    json::Limits skipping{3, limits.max_bytes, true, true};
    fuzz::check(!is_json || static_cast<bool>(json::try_parse(shallow, text, skipping)),
                "depth alone is no fault");
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    const std::string text = fuzz::text_of(data, size);
    static json::Document doc; // reused, as a backend does
    const json::ParseStatus status = json::try_parse(doc, text);
    fuzz::check(status || (status.offset <= size && !doc.root()), "a fault has a place");
    try {
        const json::Document fresh(text);
        fuzz::check(static_cast<bool>(status), "both ways to parse agree");
    } catch (const Error &error) {
        fuzz::check(!status && error.code() == Errc::json_malformed, error.what());
    }
    check_storable(text, static_cast<bool>(status));
    if (!status)
        return 0;
    // a number that no double holds is an error to the other reader
    if (in_range(doc.root()))
        fuzz::check(same(doc.root(), nlohmann::json::parse(text)), "another reader sees the same");
    std::string written;
    write(written, doc.root());
    json::Document again;
    fuzz::check(static_cast<bool>(json::try_parse(again, written)), "what is written is read");
    std::string twice;
    write(twice, again.root());
    fuzz::check(written == twice, "writing comes to rest");
    for (const auto claims : {doc.root(), again.root()}) {
        check_rules(claims);
        if (claims.is_object())
            for (const auto &[name, value] : claims.members())
                check_date(value);
        check_date(claims);
    }
    ClaimRules rules;
    rules.time = {1'300'000'000'000'000, 30};
    fuzz::check(check_claims(doc.root(), rules) == check_claims(again.root(), rules),
                "another spelling is judged alike");
    return 0;
}
