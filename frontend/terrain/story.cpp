#include "terrain/story.hpp"

#include <algorithm>
#include <functional>
#include <limits>

#include "core/base/text.hpp"
#include "core/principals/email.hpp"
#include "terrain/tokens.hpp"

namespace pg_principal::cli {

namespace {

// @sarah_chen is Sarah Chen.
std::string name_of_handle(std::string_view handle) {
    std::string name(handle);
    bool initial = true;
    for (char &c : name) {
        if (c == '_' || c == '-')
            c = ' ';
        else if (initial && c >= 'a' && c <= 'z')
            c = static_cast<char>(c - 'a' + 'A');
        initial = c == ' ';
    }
    return std::string(trim_ascii(name));
}

class StoryParser {
  public:
    explicit StoryParser(TokenList list) : list_(std::move(list)) {}

    Story run() {
        while (peek().type != TokenType::end) {
            if (story_seen_ || !field({{"terrain", [this] { terrain(); }}}))
                entry();
        }
        if (!people_seen_)
            throw RosterFileError(0, "the story has no people block");
        return std::move(story_);
    }

  private:
    const Token &peek() const { return list_.tokens[at_]; }
    bool is(TokenType type) const { return peek().type == type; }
    bool is_name() const { return is(TokenType::word) || is(TokenType::string); }

    const Token &take() {
        const Token &token = peek();
        if (token.type != TokenType::end)
            ++at_;
        return token;
    }

    [[noreturn]] void fail(const Token &token, std::string reason) const {
        if (list_.first_long_string != 0)
            reason += " (the string that begins in line " +
                      std::to_string(list_.first_long_string) +
                      " goes on over several lines: is its closing quote missing?)";
        throw RosterFileError(token.line, reason);
    }

    [[noreturn]] void unexpected(const std::string &expected) const {
        const Token &token = peek();
        if (token.type == TokenType::end)
            fail(token, "the story ends where " + expected + " is expected");
        fail(token, "expected " + expected + ", found " + quote_for_message(token.text));
    }

    const Token &expect(TokenType type, const char *what) {
        if (!is(type))
            unexpected(what);
        return take();
    }

    std::string name(const char *what) {
        if (!is_name())
            unexpected(what);
        return take().text;
    }

    std::string text(const char *what) { return expect(TokenType::string, what).text; }

    // Runs `field` for each field up to the brace that closes the block.
    template <typename Field>
    void block(const std::string &what, Field field) {
        const Token opened = expect(TokenType::open, "{");
        while (!is(TokenType::close)) {
            if (is(TokenType::end))
                fail(opened, what + " is never closed: a } is missing");
            field();
        }
        take();
    }

    // Keywords, and what reads the rest of their fields.
    using Fields = std::initializer_list<std::pair<std::string_view, std::function<void()>>>;

    // False when it is none of them.
    bool field(const Fields &known) {
        const auto found = std::find_if(known.begin(), known.end(), [this](const auto &one) {
            return is(TokenType::word) && peek().text == one.first;
        });
        if (found == known.end())
            return false;
        keyword_ = take();
        found->second();
        return true;
    }

    // Other fields are of no interest, or refused.
    void block(const std::string &what, const Fields &known, bool are_all = false) {
        block(what, [&] {
            if (field(known))
                return;
            if (are_all)
                fail(peek(), "unknown keyword " + quote_for_message(peek().text) + " in " + what);
            skip_field();
        });
    }

    void terrain() {
        story_seen_ = true;
        name("the story's name");
        block("terrain", [this] { entry(); });
    }

    void entry() {
        const bool is_known = field({
            {"domain", [this] { story_.domain = normalise_email(text("the domain in quotes")); }},
            {"seed",
             [this] { story_.seed = whole("seed", std::numeric_limits<std::uint64_t>::max()); }},
            {"people", [this] { people(); }},
            {"department", [this] { department(); }},
            {"team", [this] { team(no_department); }},
        });
        if (!is_known)
            skip_field();
    }

    std::uint64_t whole(const std::string &what, std::uint64_t most) {
        const Token &token = take();
        const auto value =
            token.type == TokenType::number ? parse_whole(token.text, most) : std::nullopt;
        if (!value)
            fail(token, what + " must be a whole number" +
                            (most <= million ? " of at most " + std::to_string(most) : "") +
                            ", not " + quote_for_message(token.text));
        return *value;
    }

    // A field of no interest: a keyword, then its value, its block, or an id and a block.
    void skip_field() {
        if (!is_name())
            unexpected("a keyword");
        take();
        if (is(TokenType::bracket))
            return skip_list();
        if (!is(TokenType::open) && !is(TokenType::close) && !is(TokenType::comma))
            take();
        if (is(TokenType::open))
            skip_block();
    }

    void skip_block() {
        const Token opened = take();
        for (std::size_t depth = 1; depth > 0;) {
            if (is(TokenType::end))
                fail(opened, "a block is never closed: a } is missing");
            depth += is(TokenType::open);
            depth -= is(TokenType::close);
            take();
        }
    }

    void skip_list() {
        const Token opened = take();
        while (!(is(TokenType::bracket) && peek().text == "]")) {
            if (is(TokenType::end) || is(TokenType::open) || is(TokenType::close))
                fail(opened, "a list is never closed: a ] is missing");
            take();
        }
        take();
    }

    void people() {
        if (people_seen_)
            fail(keyword_, "a second people block");
        people_seen_ = true;
        block("people",
              {{"count", [this] { story_.count = whole("count", max_story_people); }},
               {"names", [this] { name("a theme"); }},
               {"distribution", [this] { shares(story_.levels); }},
               {"disciplines", [this] { shares(story_.disciplines); }},
               {"archetypes",
                [this] {
                    std::vector<Share> unused;
                    shares(unused);
                }},
               {"service_account", [this] { service_account(); }}},
              true);
    }

    void shares(std::vector<Share> &out) {
        const Token keyword = keyword_;
        if (!out.empty())
            fail(keyword, "a second " + keyword.text + " block");
        std::uint64_t sum = 0;
        bool percents = false;
        block(keyword.text, [&] {
            const Token key = peek();
            Share share{name("a name"), 0};
            const Token value = take();
            if (std::any_of(out.begin(), out.end(),
                            [&](const Share &other) { return other.key == share.key; }))
                fail(key, quote_for_message(share.key) + " is given twice in " + keyword.text);
            const bool is_number =
                value.type == TokenType::percent || value.type == TokenType::number;
            const auto weight = is_number ? parse_millionths(value.text) : std::nullopt;
            percents |= value.type == TokenType::percent;
            if (!weight || (value.type == TokenType::percent && *weight > 100 * million))
                fail(value, "bad percentage for " + quote_for_message(share.key) + ": " +
                                quote_for_message(value.text));
            share.weight = *weight;
            sum += *weight;
            out.push_back(std::move(share));
        });
        // Thirds written as 33% are fine, a share left out is not.
        if (sum == 0 || (percents && (sum < 99 * million || sum > 101 * million)))
            fail(keyword,
                 keyword.text + " adds up to " + std::to_string(sum / million) + "%, not 100%");
    }

    void service_account() {
        ServiceAccount account;
        account.line = keyword_.line;
        account.id = name("the id of the service account");
        const auto once = [this](std::optional<std::string> &value) {
            if (value)
                fail(keyword_, "a second " + keyword_.text + " in service_account");
            value = text("a text in quotes");
        };
        block("service_account",
              {{"name", [&] { once(account.name); }}, {"email", [&] { once(account.email); }}},
              true);
        story_.service_accounts.push_back(std::move(account));
    }

    void department() {
        const std::size_t index = story_.departments.size();
        story_.departments.push_back({name("the id of the department"), std::nullopt});
        block("department",
              {{"team", [&] { team(index); }},
               {"director", [&] { story_.departments[index].director = director(); }}});
    }

    NamedPerson director() {
        NamedPerson person = named_person();
        block("director", {{"name", [&] { person.name = text("a name in quotes"); }},
                           {"level", [&] { person.level = name("a name"); }},
                           {"discipline", [&] { person.discipline = name("a name"); }}});
        return person;
    }

    NamedPerson named_person() {
        NamedPerson person;
        person.line = peek().line;
        const bool handle = is(TokenType::reference);
        if (!handle && !is_name())
            unexpected("a person");
        person.name = handle ? name_of_handle(take().text) : take().text;
        return person;
    }

    void team(std::size_t department_index) {
        Team team;
        team.department = department_index;
        team.id = name("the id of the team");
        block("team", {{"size", [&] { team.size = whole("size", max_story_people); }},
                       {"manager", [&] { team.manager = named_person(); }}});
        story_.teams.push_back(std::move(team));
    }

    TokenList list_;
    std::size_t at_ = 0;
    Token keyword_ = {}; // the last one that was looked for
    Story story_;
    bool story_seen_ = false, people_seen_ = false;
};

} // namespace

Story parse_story(std::string_view text) { return StoryParser(read_terrain_tokens(text)).run(); }

} // namespace pg_principal::cli
