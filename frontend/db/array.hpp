#pragma once

#include <string>
#include <vector>

namespace pg_principal::db {

// {"a","b"}: a parameter's value, never part of a statement.
inline std::string array_param(const std::vector<std::string> &items) {
    std::string out = "{";
    for (const std::string &item : items) {
        out += out.size() > 1 ? ",\"" : "\"";
        for (const char c : item) {
            if (c == '"' || c == '\\')
                out += '\\';
            out += c;
        }
        out += '"';
    }
    return out += '}';
}

} // namespace pg_principal::db
