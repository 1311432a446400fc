// What a request to an OAuth endpoint brings: a form, and the client in its Authorization header.
#pragma once

#include <string>
#include <string_view>

#include "api/call.hpp"

namespace pg_principal::oauth {

// {"error", "error_description"}, and for 401 the challenge of the scheme that was used.
http::Response refuse(const http::Request &request, int status, std::string_view code,
                      std::string_view description);
void challenge(const http::Request &request, http::Response &response);

// RFC 6749, section 3.2: a form in the body and nothing in the query, each parameter once but for
// resource and audience, and one without a value as if it were not there. Throws api::Answer.
struct Form {
    explicit Form(const http::Request &request);
    std::string fields;          // one JSON object of texts, and of lists of them
    db::Param client_id, secret; // of Authorization: Basic
};

// Of the form, where it can be read at all.
std::string grant_type_of(const http::Request &request);

} // namespace pg_principal::oauth
