// What a request brings: a JSON object as its body, names and numbers in its query, ids in its
// path. Read strictly; every bad field is named at once.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/call.hpp"
#include "core/json/document.hpp"

namespace pg_principal::api {

enum class Need { required, optional };

class Fields {
  public:
    // `refusal` begins the answer to bad fields. A body that may be missing is an empty object
    // then. Throws Answer for what is not a JSON object within the limits of size and depth.
    Fields(const http::Request &request, const char *refusal, Need body = Need::required);

    db::Param text(std::string_view name, Need need = Need::required);
    db::Param uuid(std::string_view name, Need need = Need::required);
    db::Param texts(std::string_view name); // as an array's literal
    // Whether it is one of these, or missing.
    db::Param choice(std::string_view name, const std::vector<std::string> &choices);
    void refuse(std::string_view name, std::string_view reason);
    // Throws Answer when a field was bad, or there is one that nobody asked for.
    void check();
    // The whole object, for functions that judge each field by themselves.
    const std::string &whole() const { return text_; }
    json::Value root() const { return document_.root(); }

  private:
    json::Value take(std::string_view name, Need need);
    std::string text_;
    json::Document document_;
    const char *refusal_;
    std::vector<std::string_view> known_;
    std::vector<ProfileProblem> problems_;
};

class Query {
  public:
    explicit Query(const http::Request &request); // throws Answer when it cannot be decoded
    // Throws Answer that names what is there twice, or nobody asked for.
    void check(const std::vector<std::string> &known) const;
    // Nothing when it is missing. Throws Answer when it is there twice.
    db::Param text(std::string_view name) const;
    // `otherwise` when it is missing, NULL when it is not a whole number: the database names the
    // range.
    db::Param number(std::string_view name, const char *otherwise) const;
    db::Param uuid(std::string_view name) const; // throws Answer when it is none

  private:
    http::Form form_;
};

// Of the path. Throws Answer when it is not a UUID.
db::Param path_uuid(const http::Request &request);

} // namespace pg_principal::api
