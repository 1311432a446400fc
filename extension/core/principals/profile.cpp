#include "core/principals/profile.hpp"

#include "core/base/bytes.hpp"
#include "core/base/duration.hpp"
#include "core/base/text.hpp"
#include "core/principals/email.hpp"
#include "core/base/uuid.hpp"

#include <algorithm>
#include <cstdint>

namespace pg_principal {

namespace {

using namespace std::string_view_literals;

enum class Form {
    email,
    password,
    password_hash,
    text,
    app_role,
    kind,
    object,
    boolean,
    uuid,
    duration
};

struct Field {
    std::string_view name;
    Form form;
    std::size_t max_characters = 0;
    bool clearable = false; // null takes the value away
};

constexpr Field known_fields[] = {
    {"email", Form::email},
    {"password", Form::password},
    {"firstName", Form::text, max_name_characters, true},
    {"lastName", Form::text, max_name_characters, true},
    {"jobTitle", Form::text, max_job_title_characters, true},
    {"phoneNumber", Form::text, max_phone_number_characters, true},
    {"role", Form::app_role},
    {"kind", Form::kind},
    {"userMetadata", Form::object},
    {"appMetadata", Form::object},
    {"emailConfirmed", Form::boolean},
    {"id", Form::uuid},
    {"passwordHash", Form::password_hash},
    {"banDuration", Form::duration},
};

const Field *find_field(std::string_view name, const ProfileRules &rules) noexcept {
    if (std::find(rules.allowed.begin(), rules.allowed.end(), name) == rules.allowed.end())
        return nullptr;
    for (const Field &field : known_fields)
        if (field.name == name)
            return &field;
    return nullptr;
}

class Reader {
  public:
    explicit Reader(const ProfileRules &rules) : rules_(rules) {}

    Profile run(json::Value profile) {
        if (!profile.is_object()) {
            add("", "must be an object of fields");
            return std::move(read_);
        }
        for (const json::Member member : profile.members()) {
            const Field *field = find_field(member.name, rules_);
            if (field == nullptr)
                add(member.name, "is not a known field");
            else if (member.value.is_null() && field->clearable)
                put(field->name, "null");
            else if (!member.value.is_null())
                read(*field, member.value);
        }
        for (const std::string_view name : rules_.required)
            if (const json::Value value = profile.find(name); !value || value.is_null())
                add(name, "is required");
        read_.fields += read_.fields.empty() ? "{}" : "}";
        return std::move(read_);
    }

  private:
    void add(std::string_view field, std::string_view reason) {
        read_.problems.push_back({std::string(field), std::string(reason)});
    }

    void put(std::string_view name, std::string_view json_value) {
        read_.fields += read_.fields.empty() ? '{' : ',';
        json::append_quoted(read_.fields, name);
        read_.fields.append(":").append(json_value);
    }

    void read(const Field &field, json::Value value) {
        const bool fits = field.form == Form::object    ? value.is_object()
                          : field.form == Form::boolean ? value.is_bool()
                                                        : value.is_string();
        if (!fits)
            return add(field.name, field.form == Form::object    ? "must be an object"
                                   : field.form == Form::boolean ? "must be true or false"
                                                                 : "must be a string");
        switch (field.form) {
        case Form::email:
            return read_email(field, value.as_string());
        case Form::password:
            return read_password(field, value.as_string());
        case Form::text:
            return read_text(field, value.as_string());
        case Form::app_role:
            return read_choice(field, value.as_string(),
                               {"READ_ONLY", "ANALYST", "AUDITOR", "ADMIN"},
                               "must be READ_ONLY, ANALYST, AUDITOR or ADMIN");
        case Form::kind:
            return read_choice(field, value.as_string(), {"person", "service_account"},
                               "must be person or service_account");
        case Form::boolean:
            return put(field.name, value.as_bool() ? "true" : "false");
        case Form::uuid:
            return read_id(field, value.as_string());
        case Form::password_hash:
            if (const std::string problem = password_hash_problem(value.as_string());
                !problem.empty())
                return add(field.name, problem);
            return put(field.name, json::quote(value.as_string()));
        case Form::duration:
            return read_duration(field, value.as_string());
        case Form::object:
            return;
        }
    }

    void read_email(const Field &field, std::string_view value) {
        const std::string email = normalise_email(value);
        if (const auto problem = check_email(email))
            add(field.name, *problem);
        else
            put(field.name, json::quote(email));
    }

    void read_password(const Field &field, std::string_view value) {
        const std::vector<std::string> reasons = check_password_policy(value, rules_.password);
        for (const std::string &reason : reasons)
            add(field.name, reason);
        if (reasons.empty())
            put(field.name, json::quote(value));
    }

    void read_id(const Field &field, std::string_view value) {
        // all the same digit: ids that stand for nobody and for the audit itself
        if (!is_uuid(value))
            add(field.name, "must be a UUID");
        else if (value.find_first_not_of("0-") == value.npos ||
                 value.find_first_not_of("fF-") == value.npos)
            add(field.name, "must not be the nil or the max UUID");
        else
            put(field.name, json::quote(value));
    }

    void read_duration(const Field &field, std::string_view value) {
        const auto span = value == "none" ? std::int64_t{0} : parse_go_duration(value);
        constexpr std::int64_t most = std::int64_t{1000} * 366 * 86400 * 1'000'000;
        if (!span || *span > most)
            add(field.name, "must be none or a duration such as 24h30m, of at most 1000 years");
        else
            put(field.name, '"' + std::to_string(*span) + " us\"");
    }

    void read_text(const Field &field, std::string_view value) {
        const std::string_view trimmed = trim_ascii(value);
        if (const auto problem = check_text(trimmed, field.max_characters))
            add(field.name, *problem);
        else
            put(field.name, trimmed.empty() ? "null" : json::quote(trimmed));
    }

    void read_choice(const Field &field, std::string_view value,
                     std::initializer_list<std::string_view> choices, std::string_view otherwise) {
        if (std::find(choices.begin(), choices.end(), value) == choices.end())
            add(field.name, otherwise);
        else
            put(field.name, json::quote(value));
    }

    const ProfileRules &rules_;
    Profile read_;
};

} // namespace

Profile read_profile(json::Value profile, const ProfileRules &rules) {
    return Reader(rules).run(profile);
}

std::string problems_json(const std::vector<ProfileProblem> &problems) {
    std::string out = "[";
    for (const ProfileProblem &problem : problems) {
        if (out.size() > 1)
            out += ',';
        const std::string_view subject = problem.field.empty() ? "the profile"sv : problem.field;
        out += "{\"field\":";
        json::append_quoted(out, printable(problem.field));
        out += ",\"message\":";
        json::append_quoted(out, printable(subject) + ' ' + problem.reason);
        out += '}';
    }
    return out += ']';
}

} // namespace pg_principal
