#include <algorithm>

#include <nlohmann/json.hpp>

#include "core/base/text.hpp"
#include "roster/file.hpp"

namespace pg_principal::cli {

namespace {

using nlohmann::json;

// Events rather than a tree: a tree would keep only the last of two equal names.
class JsonRoster : public nlohmann::json_sax<json> {
  public:
    JsonRoster(std::string_view text, RosterOptions options)
        : text_(text), builder_(std::move(options)) {}

    Roster finish() {
        if (!found_)
            throw RosterFileError(0, "no list of people: expected a list, or people or roster");
        return builder_.finish();
    }

    bool null() override {
        if (!where_.empty() && where_.back() == In::row) {
            builder_.set_absent(key_);
            return true;
        }
        return value("null");
    }
    bool boolean(bool) override { return value("a boolean"); }
    bool number_integer(number_integer_t) override { return value("a number"); }
    bool number_unsigned(number_unsigned_t) override { return value("a number"); }
    bool number_float(number_float_t, const string_t &) override { return value("a number"); }
    bool binary(binary_t &) override { return value("binary data"); }

    bool string(string_t &text) override {
        if (where_.empty() || where_.back() != In::row)
            return value("a string");
        builder_.set(key_, text);
        return true;
    }

    bool key(string_t &name) override {
        key_ = name;
        if (where_.back() == In::wrapper) {
            is_list_key_ = name == "people" || name == "roster";
            if (is_list_key_ && found_)
                throw RosterFileError(0, "a second list of people");
        }
        return true;
    }

    bool start_object(std::size_t) override {
        if (where_.empty()) {
            where_.push_back(In::wrapper);
        } else if (where_.back() == In::list) {
            builder_.begin_row(0);
            where_.push_back(In::row);
        } else {
            value("an object");
            where_.push_back(In::skipped);
        }
        return true;
    }

    bool start_array(std::size_t) override {
        if (where_.empty() || (where_.back() == In::wrapper && is_list_key_)) {
            found_ = true;
            where_.push_back(In::list);
        } else {
            if (where_.back() == In::wrapper) // people may be missed in it
                throw RosterFileError(0, "an unknown list " + quote_for_message(key_) +
                                             ": neither people nor roster");
            value("a list");
            where_.push_back(In::skipped);
        }
        return true;
    }

    bool end_object() override { return end(); }
    bool end_array() override { return end(); }

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
    enum class In { wrapper, list, row, skipped };

    bool end() {
        where_.pop_back();
        return true;
    }

    // A value where it does not belong.
    bool value(const char *found) {
        if (where_.empty())
            throw RosterFileError(0, std::string("a list of people is expected, not ") + found);
        switch (where_.back()) {
        case In::wrapper:
            if (is_list_key_)
                throw RosterFileError(0, key_ + " must be a list of people, not " + found);
            return true;
        case In::list:
            builder_.begin_row(0);
            builder_.problem(not_an_object_problem(found));
            return true;
        case In::row:
            builder_.refuse(key_, found);
            return true;
        case In::skipped:
            return true;
        }
        return false;
    }

    std::string_view text_;
    RosterBuilder builder_;
    std::vector<In> where_;
    std::string key_;
    bool is_list_key_ = false, found_ = false;
};

} // namespace

Roster parse_json_roster(std::string_view text, RosterOptions options) {
    JsonRoster roster(text, options);
    json::sax_parse(text, &roster);
    return roster.finish();
}

} // namespace pg_principal::cli
