// What YAML and JSON have in common: people are a bare list, or stand below people: or roster:, and
// each of them is an object of fields. Read as the parsers come upon it rather than from a tree,
// which would keep only the last of two equal names.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/text.hpp"
#include "roster/file.hpp"

namespace pg_principal::cli {

// A key or a value.
struct RosterNode {
    enum { text, nothing, list, object, other } kind;
    const char *called; // what it is, where something else belongs
    std::size_t line = 0;
    std::string value = {}; // of a text
    std::string tag = {};   // of YAML's: one that is not supported
};

class RosterReader {
  public:
    // `nothing_found` is said of a file without such a list, `merging` of the key <<.
    RosterReader(RosterOptions options, const char *nothing_found, const char *merging = nullptr)
        : builder_(std::move(options)), nothing_found_(nothing_found), merging_(merging) {}

    Roster finish() {
        if (!found_)
            throw RosterFileError(0, nothing_found_);
        return builder_.finish();
    }

    // A whole one; in an object keys and values by turns.
    void add(RosterNode node) {
        if (is(In::skipped))
            return;
        check_tag(node);
        if (where_.empty()) {
            refuse_as_people(node);
        } else if (is(In::list)) {
            builder_.begin_row(node.line);
            builder_.problem(not_an_object_problem(node.called));
        } else if (!key_) {
            key_ = std::move(node);
            check_key();
        } else {
            is(In::row) ? set_field(node) : check_entry(node);
            key_.reset();
        }
    }
    // What begins with a list or an object: its parts come next, and then its end.
    void begin(const RosterNode &node) {
        In in = In::skipped;
        if (!is(In::skipped))
            check_tag(node);
        if (node.kind == RosterNode::list && (where_.empty() || is_list_key())) {
            in = In::list;
            found_ = true;
            key_.reset();
        } else if (node.kind == RosterNode::object && where_.empty()) {
            in = In::wrapper;
        } else if (node.kind == RosterNode::object && is(In::list)) {
            in = In::row;
            builder_.begin_row(node.line);
        } else {
            add(node);
        }
        where_.push_back(in);
    }
    void end() { where_.pop_back(); }

  private:
    enum class In { wrapper, list, row, skipped };
    bool is(In place) const { return !where_.empty() && where_.back() == place; }

    bool is_list_key() const {
        return is(In::wrapper) && key_ && (key_->value == "people" || key_->value == "roster");
    }
    bool merges() const { return merging_ && key_->value == "<<"; }
    bool is_name() const {
        return key_->kind == RosterNode::text || key_->kind == RosterNode::nothing;
    }

    // It says that what is written means something else: !!binary, !!set.
    static void check_tag(const RosterNode &node) {
        if (!node.tag.empty())
            throw RosterFileError(node.line,
                                  "the tag " + quote_for_message(node.tag) + " is not supported");
    }
    [[noreturn]] static void refuse_as_people(const RosterNode &node) {
        throw RosterFileError(node.line,
                              std::string("a list of people is expected here, not ") + node.called);
    }
    void check_key() {
        const bool in_row = is(In::row);
        std::string refusal;
        if (!is_name())
            refusal =
                std::string(in_row ? "a field's name" : "a key") + " cannot be " + key_->called;
        else if (merges())
            refusal = merging_;
        else if (is_list_key() && found_)
            refusal = "a second list of people";
        if (!refusal.empty() && !in_row)
            throw RosterFileError(key_->line, refusal);
        if (!refusal.empty())
            builder_.problem(refusal);
    }
    // Beside the list of people: they may be missed in another one.
    void check_entry(const RosterNode &node) const {
        if (is_list_key())
            refuse_as_people(node);
        if (node.kind == RosterNode::list)
            throw RosterFileError(node.line, "an unknown list " + quote_for_message(key_->value) +
                                                 ": neither people nor roster");
    }
    void set_field(const RosterNode &node) {
        const bool is_text = node.kind == RosterNode::text;
        if (is_name() && !merges())
            builder_.field(key_->value, is_text ? std::optional(node.value) : std::nullopt,
                           is_text || node.kind == RosterNode::nothing ? nullptr : node.called);
    }

    RosterBuilder builder_;
    const char *nothing_found_, *merging_;
    std::vector<In> where_;
    std::optional<RosterNode> key_; // whose value comes next
    bool found_ = false;
};

} // namespace pg_principal::cli
