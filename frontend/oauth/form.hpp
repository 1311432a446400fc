// What a request to an OAuth endpoint brings: a form, and the client in its Authorization header.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/call.hpp"

namespace pg_principal::oauth {

using api::Backend;
using api::By;
using db::Param;
using db::Statement;

// {"error", "error_description"}, and for 401 the challenge that fits it.
http::Response refuse(int status, std::string_view code, std::string_view description);

// The statement's answer to a client. Its parameters are the form, one JSON object of texts and of
// lists of them, the client's id and secret of Authorization: Basic, `more`, and the context. RFC
// 6749, section 3.2: a form in the body and nothing in the query, each parameter once but for
// resource and audience, and one without a value as if it were not there. Throws api::Answer.
http::Response as_client(const Backend &backend, const http::Request &request,
                         const Statement &statement, std::vector<Param> more = {});

// A parameter that is given more than once and must not be.
std::optional<std::string_view> repeated(const http::Form &form);

// Of the form, where it can be read at all.
std::string grant_type_of(const http::Request &request);

} // namespace pg_principal::oauth
