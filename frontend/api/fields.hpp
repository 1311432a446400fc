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

// A member of a body or a name of a query.
struct Part {
    std::string name;
    enum Kind { text, uuid, texts, number } kind = text; // texts: as an array's literal
    Need need = Need::required;
    db::Param otherwise = {}; // what it is when it is missing
    std::vector<std::string> choices = {};
};

class Fields {
  public:
    // `refusal` begins the answer to bad fields. A body that may be missing is an empty object
    // then. Throws Answer for what is not a JSON object within the limits of size and depth.
    Fields(const http::Request &request, const char *refusal, Need body = Need::required);

    db::Param read(const Part &part);
    void refuse(std::string_view name, std::string_view reason);
    // Throws Answer when a field was bad, or there is one that nobody asked for.
    void check();
    // The whole object, for functions that judge each field by themselves.
    const std::string &whole() const { return plain_.empty() ? text_ : plain_; }
    json::Value root() const { return document_.root(); }

  private:
    std::string text_, plain_; // plain: without escapes, where there are some
    json::Document document_;
    const char *refusal_;
    std::vector<std::string> known_;
    std::vector<ProfileProblem> problems_;
};

class Query {
  public:
    explicit Query(const http::Request &request); // throws Answer when it cannot be decoded
    // Throws Answer that names what is there twice, or nobody asked for.
    void check(const std::vector<std::string> &known) const;
    // Nothing when it is missing. Throws Answer when it is there twice.
    db::Param text(std::string_view name) const;
    // Throws Answer when it is no UUID; of what is not a whole number it is NULL: the database names
    // the range.
    db::Param read(const Part &part) const;

  private:
    http::Form form_;
};

// Of the path. Throws Answer when it is not a UUID.
db::Param path_uuid(const http::Request &request);

} // namespace pg_principal::api
