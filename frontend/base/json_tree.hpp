// JSON to print: members keep the order in which they were added. A class of our own, as a header
// of templates takes seconds to compile wherever it is included.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace pg_principal::cli {

class Json {
  public:
    using Member = std::pair<std::string, Json>;

    Json() = default; // null
    Json(const char *text) : Json(std::string(text)) {}
    Json(std::string text) : kind_(Kind::string), text_(std::move(text)) {}
    template <class T, std::enable_if_t<std::is_integral_v<T>, int> = 0>
    Json(T value) : kind_(Kind::literal) {
        if constexpr (std::is_same_v<T, bool>)
            text_ = value ? "true" : "false";
        else
            text_ = std::to_string(value);
    }
    Json(std::initializer_list<Member> members);
    static Json array(std::initializer_list<Json> elements = {});
    static Json object();
    // Numbers stay as they are written. Throws Error(json_malformed).
    static Json parse(std::string_view text);

    Json &operator[](std::string_view name); // a new one is null; null becomes an object
    void push_back(Json element);
    bool empty() const { return members_.empty(); }
    bool contains(std::string_view name) const;
    const std::vector<Member> &items() const { return members_; }
    // On one line, or with each level indented by so many spaces. What is no UTF-8 becomes U+FFFD.
    std::string dump(int indent = -1) const;

  private:
    enum class Kind : std::uint8_t { null, literal, string, array, object };
    Json(Kind kind, std::string text) : kind_(kind), text_(std::move(text)) {}
    void append(std::string &out, int indent, int depth) const;
    friend struct JsonReader;

    Kind kind_ = Kind::null;
    std::string text_;
    std::vector<Member> members_; // of an array: without names
};

} // namespace pg_principal::cli
