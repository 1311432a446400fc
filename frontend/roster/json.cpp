#include <algorithm>

#include <nlohmann/json.hpp>

#include "roster/reader.hpp"

namespace pg_principal::cli {

namespace {

using nlohmann::json;

using Node = RosterNode;

class JsonRoster : public nlohmann::json_sax<json> {
  public:
    JsonRoster(std::string_view text, RosterReader &reader) : text_(text), reader_(reader) {}

    bool null() override { return add({Node::nothing, "null"}); }
    bool boolean(bool) override { return add({Node::other, "a boolean"}); }
    bool number_integer(number_integer_t) override { return add({Node::other, "a number"}); }
    bool number_unsigned(number_unsigned_t) override { return add({Node::other, "a number"}); }
    bool number_float(number_float_t, const string_t &) override {
        return add({Node::other, "a number"});
    }
    bool binary(binary_t &) override { return add({Node::other, "binary data"}); }
    bool string(string_t &value) override {
        return add({Node::text, "a string", 0, std::move(value)});
    }
    bool key(string_t &name) override { return string(name); }
    bool start_object(std::size_t) override {
        reader_.begin({Node::object, "an object"});
        return true;
    }
    bool start_array(std::size_t) override {
        reader_.begin({Node::list, "a list"});
        return true;
    }
    bool end_object() override { return end_array(); }
    bool end_array() override {
        reader_.end();
        return true;
    }

    bool parse_error(std::size_t position, const std::string &, const json::exception &e) override {
        constexpr std::size_t longest_reason = 200;
        std::string reason = e.what();
        // "[json.exception.parse_error.101] parse error at line 1, column 2: what counts"
        if (const std::size_t colon = reason.find(": "); colon != std::string::npos)
            reason = reason.substr(colon + 2);
        else if (const std::size_t name = reason.find("] "); name != std::string::npos)
            reason = reason.substr(name + 2); // of a number that is too large
        const bool has_more = reason.find("expected end of input") != std::string::npos;
        if (reason.size() > longest_reason) // it quotes what was read last, however long
            reason = reason.substr(0, longest_reason) + "...";
        const std::size_t end = std::min(position, text_.size());
        const auto line = 1 + std::count(text_.begin(), text_.begin() + end, '\n');
        throw RosterFileError(static_cast<std::size_t>(line), "malformed JSON: " + reason,
                              has_more ? "A file has one list of people; JSON Lines become one "
                                         "by: jq -s . FILE > NEW."
                                       : "");
    }

  private:
    bool add(Node node) {
        reader_.add(std::move(node));
        return true;
    }

    std::string_view text_;
    RosterReader &reader_;
};

} // namespace

Roster parse_json_roster(std::string_view text, RosterOptions options) {
    RosterReader reader(std::move(options),
                        "no list of people: expected a list, or people or roster");
    JsonRoster events(text, reader);
    json::sax_parse(text, &events);
    return reader.finish();
}

} // namespace pg_principal::cli
