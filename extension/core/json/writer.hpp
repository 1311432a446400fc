// JSON text, written member by member. Texts are UTF-8.
#pragma once

#include <cstdint>

#include "core/json/document.hpp"

namespace pg_principal::json {

class ObjectWriter {
  public:
    explicit ObjectWriter(std::string &out) : out_(out) { out_ += '{'; }
    void end() { out_ += '}'; }
    void text(std::string_view name, std::string_view value) {
        key(name);
        append_quoted(out_, value);
    }
    void raw(std::string_view name, std::string_view value) {
        key(name);
        out_ += value;
    }
    void number(std::string_view name, std::int64_t value) { raw(name, std::to_string(value)); }
    void boolean(std::string_view name, bool value) { raw(name, value ? "true" : "false"); }
    void null(std::string_view name) { raw(name, "null"); }
    // null when it is missing.
    void value(std::string_view name, Value value) {
        key(name);
        append_value(out_, value);
    }

    // Where the value is written next, an object or a list: to its end, before anything else is.
    std::string &nested(std::string_view name) {
        key(name);
        return out_;
    }

  private:
    void key(std::string_view name) {
        if (out_.back() != '{')
            out_ += ',';
        append_quoted(out_, name);
        out_ += ':';
    }
    std::string &out_;
};

} // namespace pg_principal::json
