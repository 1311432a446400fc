#include <sstream>
#include <unordered_map>

#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include "roster/reader.hpp"

namespace pg_principal::cli {

namespace {

using Node = RosterNode;

// An alias to a list or mapping is refused instead of being walked again and again.
class YamlRoster : public YAML::EventHandler {
  public:
    explicit YamlRoster(RosterReader &reader) : reader_(reader) {}

    void OnDocumentStart(const YAML::Mark &) override {}
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark &mark, YAML::anchor_t anchor) override {
        add({Node::nothing, "nothing", line(mark)}, anchor);
    }
    void OnScalar(const YAML::Mark &mark, const std::string &tag, YAML::anchor_t anchor,
                  const std::string &value) override {
        add({Node::text, "a text", line(mark), value, unsupported(tag, "str")}, anchor);
    }
    void OnAlias(const YAML::Mark &mark, YAML::anchor_t anchor) override {
        Node node = anchors_[anchor];
        node.line = line(mark);
        reader_.add(std::move(node));
    }
    void OnSequenceStart(const YAML::Mark &mark, const std::string &tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        begin({Node::list, "a list", line(mark), {}, unsupported(tag, "seq")}, anchor);
    }
    void OnMapStart(const YAML::Mark &mark, const std::string &tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        begin({Node::object, "a mapping", line(mark), {}, unsupported(tag, "map")}, anchor);
    }
    void OnSequenceEnd() override { reader_.end(); }
    void OnMapEnd() override { reader_.end(); }

  private:
    static std::size_t line(const YAML::Mark &mark) {
        return static_cast<std::size_t>(mark.line) + 1;
    }
    static std::string unsupported(const std::string &tag, const char *usual) {
        const bool is_plain = tag.empty() || tag == "?" || tag == "!";
        return is_plain || tag == std::string("tag:yaml.org,2002:") + usual ? "" : tag;
    }
    void add(Node node, YAML::anchor_t anchor) {
        // a long text behind many aliases would fill the memory
        constexpr std::size_t longest = 1000;
        if (anchor)
            anchors_[anchor] = node.value.size() > longest
                                   ? Node{Node::other, "an alias to a long text"}
                                   : Node{node.kind, node.called, 0, node.value};
        reader_.add(std::move(node));
    }
    void begin(const Node &node, YAML::anchor_t anchor) {
        if (anchor)
            anchors_[anchor] = {node.kind, "an alias to a list or a mapping"};
        reader_.begin(node);
    }

    RosterReader &reader_;
    std::unordered_map<YAML::anchor_t, Node> anchors_; // what an alias stands for
};

} // namespace

Roster parse_yaml_roster(std::string_view text, RosterOptions options) {
    std::istringstream stream{std::string(text)};
    RosterReader reader(std::move(options),
                        "no list of people: expected a list, or people: or roster:",
                        "merge keys (<<) are not supported: write the fields out");
    YamlRoster events(reader);
    try {
        YAML::Parser parser(stream);
        parser.HandleNextDocument(events);
        if (parser)
            throw RosterFileError(0, "more than one YAML document");
    } catch (const YAML::DeepRecursion &) {
        throw RosterFileError(0, "malformed YAML: nested too deeply");
    } catch (const YAML::Exception &e) {
        const std::size_t line = e.mark.is_null() ? 0 : static_cast<std::size_t>(e.mark.line) + 1;
        throw RosterFileError(line, "malformed YAML: " + e.msg);
    }
    return reader.finish();
}

} // namespace pg_principal::cli
