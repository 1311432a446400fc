// JSON objects as texts.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "core/json/writer.hpp"

namespace pg_principal {

struct OwnedText {
    std::string owned;
};

// A writer of the object that it ends with.
class JsonObject : OwnedText, public json::ObjectWriter {
  public:
    JsonObject() : json::ObjectWriter(owned) {}
    JsonObject(const JsonObject &) = delete;
    JsonObject &operator=(const JsonObject &) = delete;
    std::string done() {
        end();
        return std::move(owned);
    }
};

// A list of texts.
template <class Texts>
std::string text_list(const Texts &texts) {
    std::string list;
    for (const auto &text : texts)
        list.append(list.empty() ? "[" : ",").append(json::quote(text));
    return list.empty() ? "[]" : list + ']';
}

// An object of texts alone, as most refusals are.
inline std::string
text_object(std::initializer_list<std::pair<std::string_view, std::string_view>> members) {
    JsonObject object;
    for (const auto &[name, value] : members)
        object.text(name, value);
    return object.done();
}

} // namespace pg_principal
