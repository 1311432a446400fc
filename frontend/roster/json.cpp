#include <algorithm>

#include <nlohmann/json.hpp>

#include "roster/events.hpp"

namespace pg_principal::cli {

namespace {

using nlohmann::json;

class JsonRoster : public nlohmann::json_sax<json> {
  public:
    JsonRoster(std::string_view text, RosterOptions options)
        : text_(text),
          events_(std::move(options), "no list of people: expected a list, or people or roster") {}

    Roster finish() { return events_.finish(); }

    bool null() override { return text(std::nullopt, "null"); }
    bool boolean(bool) override { return other("a boolean"); }
    bool number_integer(number_integer_t) override { return other("a number"); }
    bool number_unsigned(number_unsigned_t) override { return other("a number"); }
    bool number_float(number_float_t, const string_t &) override { return other("a number"); }
    bool binary(binary_t &) override { return other("binary data"); }
    bool string(string_t &value) override { return text(value, "a string"); }
    bool key(string_t &name) override {
        events_.key(0, name);
        return true;
    }
    bool start_object(std::size_t) override {
        events_.begin_object(0, "an object");
        return true;
    }
    bool start_array(std::size_t) override {
        events_.begin_list(0);
        return true;
    }
    bool end_object() override { return end_array(); }
    bool end_array() override {
        events_.end();
        return true;
    }

    bool parse_error(std::size_t position, const std::string &, const json::exception &e) override {
        constexpr std::size_t longest_reason = 200;
        std::string reason = e.what();
        // "[json.exception.parse_error.101] parse error at line 1, column 2: what counts"
        if (const std::size_t colon = reason.find(": "); colon != std::string::npos)
            reason = reason.substr(colon + 2);
        if (reason.size() > longest_reason) // it quotes what was read last, however long
            reason = reason.substr(0, longest_reason) + "...";
        const std::size_t end = std::min(position, text_.size());
        const auto line = 1 + std::count(text_.begin(), text_.begin() + end, '\n');
        throw RosterFileError(static_cast<std::size_t>(line), "malformed JSON: " + reason);
    }

  private:
    bool text(const std::optional<std::string> &value, const char *called) {
        events_.text(0, value, called);
        return true;
    }
    bool other(const char *called) {
        events_.other(0, called);
        return true;
    }

    std::string_view text_;
    RosterEvents events_;
};

} // namespace

Roster parse_json_roster(std::string_view text, RosterOptions options) {
    JsonRoster roster(text, options);
    json::sax_parse(text, &roster);
    return roster.finish();
}

} // namespace pg_principal::cli
