#include "core/principals/roster.hpp"

#include "core/base/text.hpp"
#include "core/principals/email.hpp"

#include <unordered_map>

namespace pg_principal {

namespace {

class Checker {
  public:
    explicit Checker(const std::vector<RosterRow> &rows) : rows_(rows) {
        emails_.reserve(rows.size());
        github_usernames_.reserve(rows.size());
    }

    std::vector<RosterProblem> run() {
        for (row_ = 1; row_ <= rows_.size(); ++row_)
            check(rows_[row_ - 1]);
        return std::move(problems_);
    }

  private:
    using Seen = std::unordered_map<std::string, std::size_t>;

    void add(std::string reason) { problems_.push_back({row_, std::move(reason)}); }

    void check(const RosterRow &row) {
        if (!row.email)
            add(missing_field_problem("email"));
        if (!row.name)
            add(missing_field_problem("name"));
        for (const RosterField &field : roster_fields)
            check_field(field, row.*field.member);
        check_kind(row);
        if (row.email && row.email == row.manager_email)
            add("manager_email is the row's own email");
        check_unique(emails_, "email", row.email);
        check_unique(github_usernames_, "github_username", row.github_username);
    }

    void check_field(const RosterField &field, const std::optional<std::string> &value) {
        if (!value)
            return;
        const bool address =
            field.member == &RosterRow::email || field.member == &RosterRow::manager_email;
        const std::optional<std::string> problem =
            address ? check_email(*value) : check_text(*value, field.max_characters);
        if (problem)
            add(std::string(field.name) + ' ' + quote_for_message(*value) + ' ' + *problem);
    }

    void check_kind(const RosterRow &row) {
        if (!row.kind || row.kind == "person" || row.kind == "human")
            return;
        if (row.kind != "service_account")
            return add("kind " + quote_for_message(*row.kind) +
                       " is neither person nor service_account");
        if (row.level)
            add("a service account has no level");
        if (row.manager_email)
            add("a service account has no manager_email");
        if (row.team)
            add("a service account has no team");
    }

    // No case is told apart: an email has none any more, GitHub sees none.
    void check_unique(Seen &seen, std::string_view field, const std::optional<std::string> &value) {
        if (!value)
            return;
        const auto [first, fresh] = seen.emplace(lower_ascii(*value), row_);
        if (!fresh)
            add("duplicate " + std::string(field) + ' ' + quote_for_message(*value) +
                ", already in row " + std::to_string(first->second));
    }

    const std::vector<RosterRow> &rows_;
    std::vector<RosterProblem> problems_;
    Seen emails_, github_usernames_;
    std::size_t row_ = 0;
};

} // namespace

const RosterField *find_roster_field(std::string_view name) noexcept {
    for (const RosterField &field : roster_fields)
        if (field.name == name)
            return &field;
    return nullptr;
}

void normalise(RosterRow &row) {
    for (const RosterField &field : roster_fields) {
        std::optional<std::string> &value = row.*field.member;
        if (!value)
            continue;
        const std::string_view trimmed = trim_ascii(*value);
        if (trimmed.empty())
            value.reset();
        else if (trimmed.size() != value->size())
            value = std::string(trimmed);
    }
    if (row.email)
        row.email = normalise_email(*row.email);
    if (row.manager_email)
        row.manager_email = normalise_email(*row.manager_email);
    if (!row.kind || row.kind == "human")
        row.kind = "person";
}

std::vector<RosterProblem> check_roster(const std::vector<RosterRow> &rows) {
    return Checker(rows).run();
}

std::string missing_field_problem(std::string_view field) {
    return std::string(field) + " is missing";
}

std::string unknown_field_problem(std::string_view field) {
    return "unknown field " + quote_for_message(field);
}

std::string wrong_type_problem(std::string_view field, std::string_view found) {
    return std::string(field) + " must be a string, not " + std::string(found);
}

std::string not_an_object_problem(std::string_view found) {
    return "must be an object of fields, not " + std::string(found);
}

} // namespace pg_principal
