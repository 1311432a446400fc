// What YAML and JSON have in common: people are a bare list, or stand below people: or roster:, and
// each of them is an object of fields. Fed by the parsers' events rather than by a tree, which would
// keep only the last of two equal names.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/text.hpp"
#include "roster/file.hpp"

namespace pg_principal::cli {

class RosterEvents {
  public:
    // `nothing_found` is said of a file without such a list.
    RosterEvents(RosterOptions options, const char *nothing_found)
        : builder_(std::move(options)), nothing_found_(nothing_found) {}

    Roster finish() {
        if (!found_)
            throw RosterFileError(0, nothing_found_);
        return builder_.finish();
    }

    bool in_object() const { return is(In::wrapper) || is(In::row); }
    bool in_row() const { return is(In::row); }
    bool is_skipped() const { return is(In::skipped); }

    void key(std::size_t line, const std::string &name) {
        key_ = name;
        is_key_refused_ = false;
        is_list_key_ = is(In::wrapper) && (name == "people" || name == "roster");
        if (is_list_key_ && found_)
            throw RosterFileError(line, "a second list of people");
    }
    // Of a row: its value is passed over.
    void refuse_key(std::string problem) {
        builder_.problem(std::move(problem));
        is_key_refused_ = true;
    }
    // Nothing is a null. `called` is what it is where no text belongs.
    void text(std::size_t line, const std::optional<std::string> &value, const char *called) {
        if (!is(In::row))
            return other(line, called);
        if (!is_key_refused_)
            builder_.set(key_, value);
    }
    // Neither a text nor what people are written as.
    void other(std::size_t line, const char *called) {
        if (where_.empty() || (is(In::wrapper) && is_list_key_))
            throw RosterFileError(line,
                                  std::string("a list of people is expected here, not ") + called);
        if (is(In::list)) {
            builder_.begin_row(line);
            builder_.problem(not_an_object_problem(called));
        } else if (is(In::row) && !is_key_refused_) {
            builder_.refuse(key_, called);
        }
    }
    // People may be missed in it.
    void refuse_unknown_list(std::size_t line) const {
        if (is(In::wrapper) && !is_list_key_)
            throw RosterFileError(line, "an unknown list " + quote_for_message(key_) +
                                            ": neither people nor roster");
    }
    void begin_list(std::size_t line) {
        refuse_unknown_list(line);
        if (where_.empty() || is(In::wrapper)) {
            found_ = true;
            where_.push_back(In::list);
        } else {
            other(line, "a list");
            skip();
        }
    }
    void begin_object(std::size_t line, const char *called) {
        if (where_.empty()) {
            where_.push_back(In::wrapper);
        } else if (is(In::list)) {
            builder_.begin_row(line);
            where_.push_back(In::row);
        } else {
            other(line, called);
            skip();
        }
    }
    // What begins now means nothing, up to its end.
    void skip() { where_.push_back(In::skipped); }
    void end() { where_.pop_back(); }

  private:
    enum class In { wrapper, list, row, skipped };
    bool is(In place) const { return !where_.empty() && where_.back() == place; }

    RosterBuilder builder_;
    const char *nothing_found_;
    std::vector<In> where_;
    std::string key_;
    bool is_list_key_ = false, is_key_refused_ = false, found_ = false;
};

} // namespace pg_principal::cli
