// A JSON object of texts alone, as most refusals are.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "core/json/writer.hpp"

namespace pg_principal {

inline std::string
text_object(std::initializer_list<std::pair<std::string_view, std::string_view>> members) {
    std::string out;
    json::ObjectWriter object(out);
    for (const auto &[name, value] : members)
        object.text(name, value);
    object.end();
    return out;
}

} // namespace pg_principal
