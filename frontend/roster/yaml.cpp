#include <algorithm>
#include <sstream>
#include <unordered_map>
#include <unordered_set>

#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include "roster/events.hpp"

namespace pg_principal::cli {

namespace {

// An alias to a list or mapping is refused instead of being walked again and again.
class YamlRoster : public YAML::EventHandler {
  public:
    explicit YamlRoster(RosterOptions options)
        : events_(std::move(options), "no list of people: expected a list, or people: or roster:") {
    }

    Roster finish() { return events_.finish(); }

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
        // a long text behind many aliases would fill the memory
        constexpr std::size_t longest = 1000;
        const auto known = anchors_.find(anchor);
        if (known == anchors_.end() && !expects_key() && lists_.count(anchor) > 0)
            events_.refuse_unknown_list(line(mark));
        if (known == anchors_.end() || (known->second && known->second->size() > longest)) {
            const char *const called = known == anchors_.end() ? "an alias to a list or a mapping"
                                                               : "an alias to a long text";
            if (!refused_as_key(mark, called))
                events_.other(line(mark), called);
            return;
        }
        scalar(mark, known->second);
    }

    void OnSequenceStart(const YAML::Mark &mark, const std::string &tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        check_tag(mark, tag, {"", "?", "!", "tag:yaml.org,2002:seq"});
        if (anchor)
            lists_.insert(anchor);
        if (refused_as_key(mark, "a list"))
            events_.skip();
        else
            events_.begin_list(line(mark));
    }

    void OnMapStart(const YAML::Mark &mark, const std::string &tag, YAML::anchor_t,
                    YAML::EmitterStyle::value) override {
        check_tag(mark, tag, {"", "?", "!", "tag:yaml.org,2002:map"});
        if (refused_as_key(mark, "a mapping"))
            events_.skip();
        else
            events_.begin_object(line(mark), "a mapping");
    }

    void OnSequenceEnd() override { events_.end(); }
    void OnMapEnd() override { events_.end(); }

  private:
    static std::size_t line(const YAML::Mark &mark) {
        return static_cast<std::size_t>(mark.line) + 1;
    }

    bool expects_key() const { return events_.in_object() && !has_key_; }

    // Takes note that a key or the value of one came. True for what is no text in a key's place.
    bool refused_as_key(const YAML::Mark &mark, const char *called) {
        if (!events_.in_object())
            return false;
        has_key_ = !has_key_;
        if (!has_key_)
            return false;
        if (!events_.in_row())
            throw RosterFileError(line(mark), std::string("a key cannot be ") + called);
        events_.refuse_key(std::string("a field's name cannot be ") + called);
        return true;
    }

    void scalar(const YAML::Mark &mark, const std::optional<std::string> &value) {
        const bool is_key = expects_key();
        if (events_.in_object())
            has_key_ = is_key;
        if (!is_key)
            return events_.text(line(mark), value, value ? "a text" : "nothing");
        constexpr const char *merging = "merge keys (<<) are not supported: write the fields out";
        const bool merges = value == "<<";
        if (merges && !events_.in_row())
            throw RosterFileError(line(mark), merging);
        events_.key(line(mark), value.value_or(""));
        if (merges)
            events_.refuse_key(merging);
    }

    // A tag says that what is written means something else: !!binary, !!set.
    void check_tag(const YAML::Mark &mark, const std::string &tag,
                   std::initializer_list<std::string_view> fine) {
        if (!events_.is_skipped() && std::find(fine.begin(), fine.end(), tag) == fine.end())
            throw RosterFileError(line(mark),
                                  "the tag " + quote_for_message(tag) + " is not supported");
    }

    RosterEvents events_;
    std::unordered_set<YAML::anchor_t> lists_; // that an alias may stand for
    std::unordered_map<YAML::anchor_t, std::optional<std::string>> anchors_;
    bool has_key_ = false; // its value comes next
};

} // namespace

Roster parse_yaml_roster(std::string_view text, RosterOptions options) {
    std::istringstream stream{std::string(text)};
    YamlRoster roster(options);
    try {
        YAML::Parser parser(stream);
        parser.HandleNextDocument(roster);
        if (parser)
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
