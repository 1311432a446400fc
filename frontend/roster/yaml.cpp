#include <algorithm>
#include <sstream>
#include <unordered_map>
#include <unordered_set>

#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include "core/base/text.hpp"
#include "roster/file.hpp"

namespace pg_principal::cli {

namespace {

// Events rather than a tree: duplicate keys and lines stay visible, and an alias to a list or
// mapping is refused instead of being walked again and again.
class YamlRoster : public YAML::EventHandler {
  public:
    explicit YamlRoster(RosterOptions options) : builder_(std::move(options)) {}

    Roster finish() {
        if (!found_)
            throw RosterFileError(0, "no list of people: expected a list, or people: or roster:");
        return builder_.finish();
    }

    void OnDocumentStart(const YAML::Mark &) override {}
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark &mark, YAML::anchor_t anchor) override {
        if (anchor)
            anchors_[anchor] = std::nullopt;
        scalar(mark, std::nullopt);
    }

    void OnScalar(const YAML::Mark &mark, const std::string &tag, YAML::anchor_t anchor,
                  const std::string &value) override {
        check_tag(mark, tag, {"", "?", "!", "tag:yaml.org,2002:str"});
        if (anchor)
            anchors_[anchor] = value;
        scalar(mark, value);
    }

    void OnAlias(const YAML::Mark &mark, YAML::anchor_t anchor) override {
        constexpr std::size_t longest =
            1000; // a long text behind many aliases would fill the memory
        const auto known = anchors_.find(anchor);
        if (known == anchors_.end()) {
            if (in_wrapper_value() && !is_list_key_ && lists_.count(anchor) > 0)
                refuse_list(mark);
            return other(mark, "an alias to a list or a mapping");
        }
        if (known->second && known->second->size() > longest)
            return other(mark, "an alias to a long text");
        scalar(mark, known->second);
    }

    void OnSequenceStart(const YAML::Mark &mark, const std::string &tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        check_tag(mark, tag, {"", "?", "!", "tag:yaml.org,2002:seq"});
        if (anchor)
            lists_.insert(anchor);
        if (in_wrapper_value() && !is_list_key_)
            refuse_list(mark);
        if (where_.empty() || (where_.back() == In::wrapper && is_list_key_)) {
            is_list_key_ = false;
            has_key_ = false;
            found_ = true;
            where_.push_back(In::list);
            return;
        }
        other(mark, "a list");
        where_.push_back(In::skipped);
    }

    void OnMapStart(const YAML::Mark &mark, const std::string &tag, YAML::anchor_t,
                    YAML::EmitterStyle::value) override {
        check_tag(mark, tag, {"", "?", "!", "tag:yaml.org,2002:map"});
        if (where_.empty()) {
            where_.push_back(In::wrapper);
            return;
        }
        if (where_.back() == In::list) {
            builder_.begin_row(line(mark));
            has_key_ = false;
            where_.push_back(In::row);
            return;
        }
        other(mark, "a mapping");
        where_.push_back(In::skipped);
    }

    void OnSequenceEnd() override { where_.pop_back(); }
    void OnMapEnd() override { where_.pop_back(); }

  private:
    enum class In { wrapper, list, row, skipped };

    static std::size_t line(const YAML::Mark &mark) {
        return static_cast<std::size_t>(mark.line) + 1;
    }

    void scalar(const YAML::Mark &mark, const std::optional<std::string> &value) {
        if (where_.empty())
            throw RosterFileError(line(mark), "a list of people is expected here, not a text");
        switch (where_.back()) {
        case In::wrapper:
            return has_key_ ? wrapper_value(mark, value ? "a text" : "nothing")
                            : wrapper_key(mark, value.value_or(""));
        case In::list:
            builder_.begin_row(line(mark));
            return builder_.problem(not_an_object_problem("a text"));
        case In::row:
            return has_key_ ? row_value(value) : row_key(value);
        case In::skipped:
            return;
        }
    }

    bool in_wrapper_value() const {
        return !where_.empty() && where_.back() == In::wrapper && has_key_;
    }

    // People may be missed in it.
    [[noreturn]] void refuse_list(const YAML::Mark &mark) {
        throw RosterFileError(line(mark), "an unknown list " + quote_for_message(key_) +
                                              ": neither people nor roster");
    }

    // A tag says that what is written means something else: !!binary, !!set.
    void check_tag(const YAML::Mark &mark, const std::string &tag,
                   std::initializer_list<std::string_view> fine) {
        const bool skipped = !where_.empty() && where_.back() == In::skipped;
        if (!skipped && std::find(fine.begin(), fine.end(), tag) == fine.end())
            throw RosterFileError(line(mark),
                                  "the tag " + quote_for_message(tag) + " is not supported");
    }

    // A list, a mapping or an alias where a text belongs.
    void other(const YAML::Mark &mark, const char *found) {
        if (where_.empty())
            throw RosterFileError(line(mark), "a list of people is expected here");
        switch (where_.back()) {
        case In::wrapper:
            if (!has_key_)
                throw RosterFileError(line(mark), std::string("a key cannot be ") + found);
            return wrapper_value(mark, found);
        case In::list:
            builder_.begin_row(line(mark));
            return builder_.problem(not_an_object_problem(found));
        case In::row:
            return has_key_ ? refuse_value(found) : refuse_key(found);
        case In::skipped:
            return;
        }
    }

    void wrapper_key(const YAML::Mark &mark, const std::string &key) {
        if (key == merge_key)
            throw RosterFileError(line(mark), merge_problem);
        key_ = key;
        is_list_key_ = key == "people" || key == "roster";
        has_key_ = true;
        if (is_list_key_ && found_)
            throw RosterFileError(line(mark), "a second list of people");
    }

    // `found` is what stands there instead of a list.
    void wrapper_value(const YAML::Mark &mark, const char *found) {
        if (is_list_key_)
            throw RosterFileError(line(mark),
                                  std::string("a list of people is expected here, not ") + found);
        has_key_ = false;
    }

    void row_key(const std::optional<std::string> &key) {
        key_ = key.value_or("");
        has_key_ = true;
        is_key_refused_ = key_ == merge_key;
        if (is_key_refused_)
            builder_.problem(merge_problem);
    }

    void refuse_key(const char *found) {
        builder_.problem(std::string("a field's name cannot be ") + found);
        has_key_ = true;
        is_key_refused_ = true;
    }

    void row_value(const std::optional<std::string> &value) {
        has_key_ = false;
        if (is_key_refused_)
            return;
        if (value)
            builder_.set(key_, *value);
        else
            builder_.set_absent(key_);
    }

    void refuse_value(const char *found) {
        has_key_ = false;
        if (!is_key_refused_)
            builder_.refuse(key_, found);
    }

    static constexpr const char *merge_key = "<<",
                                *merge_problem =
                                    "merge keys (<<) are not supported: write the fields out";

    RosterBuilder builder_;
    std::vector<In> where_;
    std::unordered_set<YAML::anchor_t> lists_; // that an alias may stand for
    std::unordered_map<YAML::anchor_t, std::optional<std::string>> anchors_;
    std::string key_;
    bool has_key_ = false, is_key_refused_ = false, is_list_key_ = false;
    bool found_ = false;
};

class Nothing : public YAML::EventHandler {
    void OnDocumentStart(const YAML::Mark &) override {}
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark &, YAML::anchor_t) override {}
    void OnAlias(const YAML::Mark &, YAML::anchor_t) override {}
    void OnScalar(const YAML::Mark &, const std::string &, YAML::anchor_t,
                  const std::string &) override {}
    void OnSequenceStart(const YAML::Mark &, const std::string &, YAML::anchor_t,
                         YAML::EmitterStyle::value) override {}
    void OnSequenceEnd() override {}
    void OnMapStart(const YAML::Mark &, const std::string &, YAML::anchor_t,
                    YAML::EmitterStyle::value) override {}
    void OnMapEnd() override {}
};

} // namespace

Roster parse_yaml_roster(std::string_view text, RosterOptions options) {
    std::istringstream stream{std::string(text)};
    YamlRoster roster(options);
    try {
        YAML::Parser parser(stream);
        parser.HandleNextDocument(roster);
        Nothing rest;
        if (parser.HandleNextDocument(rest))
            throw RosterFileError(0, "more than one YAML document");
    } catch (const YAML::DeepRecursion &) {
        throw RosterFileError(0, "malformed YAML: nested too deeply");
    } catch (const YAML::Exception &e) {
        const std::size_t line = e.mark.is_null() ? 0 : static_cast<std::size_t>(e.mark.line) + 1;
        throw RosterFileError(line, "malformed YAML: " + e.msg);
    }
    return roster.finish();
}

} // namespace pg_principal::cli
