#include "base/json_tree.hpp"

#include <algorithm>

#include "core/base/utf8.hpp"
#include "core/json/document.hpp"

namespace pg_principal::cli {

namespace {

void append_string(std::string &out, std::string_view text) {
    constexpr std::string_view plain = "\"\\\b\f\n\r\t", letters = "\"\\bfnrt";
    out += '"';
    while (!text.empty()) {
        const char c = text.front();
        const std::size_t escape = plain.find(c);
        std::size_t length = utf8_sequence(text);
        if (escape != plain.npos) {
            out += '\\';
            out += letters[escape];
        } else if (static_cast<unsigned char>(c) < 0x20) {
            constexpr char digits[] = "0123456789abcdef";
            out += "\\u00";
            out += digits[c >> 4];
            out += digits[c & 15];
        } else if (length == 0) {
            out += "\xef\xbf\xbd";
            length = 1;
        } else {
            out += text.substr(0, length);
        }
        text.remove_prefix(length);
    }
    out += '"';
}

void append_line(std::string &out, int indent, int depth) {
    if (indent >= 0)
        out.append(1, '\n').append(static_cast<std::size_t>(indent * depth), ' ');
}

} // namespace

struct JsonReader {
    static Json read(json::Value value) {
        switch (value.type()) {
        case json::Type::boolean:
            return value.as_bool();
        case json::Type::number:
            return Json(Json::Kind::literal, std::string(value.number_text()));
        case json::Type::string:
            return std::string(value.as_string());
        case json::Type::array: {
            Json array = Json::array();
            for (const json::Value element : value.elements())
                array.push_back(read(element));
            return array;
        }
        case json::Type::object: {
            Json object = Json::object();
            for (const json::Member member : value.members())
                object.members_.emplace_back(member.name, read(member.value));
            return object;
        }
        default:
            return {};
        }
    }
};

Json::Json(std::initializer_list<Member> members) : kind_(Kind::object), members_(members) {}

Json Json::array(std::initializer_list<Json> elements) {
    Json array(Kind::array, {});
    for (const Json &element : elements)
        array.push_back(element);
    return array;
}

Json Json::object() { return Json(Kind::object, {}); }

Json Json::parse(std::string_view text) {
    json::Limits limits;
    limits.max_depth = 512;
    return JsonReader::read(json::Document(text, limits).root());
}

Json &Json::operator[](std::string_view name) {
    kind_ = Kind::object;
    const auto found = std::find_if(members_.begin(), members_.end(),
                                    [&](const Member &member) { return member.first == name; });
    return found != members_.end() ? found->second : members_.emplace_back(name, Json()).second;
}

void Json::push_back(Json element) {
    kind_ = Kind::array;
    members_.emplace_back(std::string(), std::move(element));
}

bool Json::contains(std::string_view name) const {
    return std::any_of(members_.begin(), members_.end(),
                       [&](const Member &member) { return member.first == name; });
}

std::string Json::dump(int indent) const {
    std::string out;
    append(out, indent, 0);
    return out;
}

void Json::append(std::string &out, int indent, int depth) const {
    if (kind_ == Kind::null)
        out += "null";
    else if (kind_ == Kind::literal)
        out += text_;
    else if (kind_ == Kind::string)
        append_string(out, text_);
    else {
        out += kind_ == Kind::array ? '[' : '{';
        const char *comma = "";
        for (const auto &[name, value] : members_) {
            out += comma;
            comma = ",";
            append_line(out, indent, depth + 1);
            if (kind_ == Kind::object) {
                append_string(out, name);
                out += indent >= 0 ? ": " : ":";
            }
            value.append(out, indent, depth + 1);
        }
        if (!members_.empty())
            append_line(out, indent, depth);
        out += kind_ == Kind::array ? ']' : '}';
    }
}

} // namespace pg_principal::cli
