// What an account's profile may hold: one reading for every way in, all problems named at once.
#pragma once

#include "core/json/document.hpp"
#include "core/principals/password.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace pg_principal {

inline constexpr std::size_t max_name_characters = 64, max_job_title_characters = 128,
                             max_phone_number_characters = 32;

struct ProfileProblem {
    std::string field;  // empty: the profile as a whole
    std::string reason; // the end of a sentence: "must have a digit"
};

struct ProfileRules {
    std::vector<std::string_view> allowed; // email, password, firstName, ...: see profile.cpp
    std::vector<std::string_view> required;
    PasswordPolicy password;
};

struct Profile {
    // A JSON object of the fields given, normalised: addresses in lower case, texts trimmed, empty
    // texts null, banDuration the text of an interval ("none" is "0 s"). Without userMetadata and
    // appMetadata, of which only the type is judged.
    std::string fields;
    std::vector<ProfileProblem> problems;
};

Profile read_profile(json::Value profile, const ProfileRules &rules);

// [{"field":"email","message":"email has no @"}]
std::string problems_json(const std::vector<ProfileProblem> &problems);

} // namespace pg_principal
