#include "terrain/story.hpp"

#include <algorithm>
#include <numeric>
#include <unordered_map>

#include "core/principals/email.hpp"
#include "terrain/names.hpp"
#include "terrain/random.hpp"

namespace pg_principal::cli {

namespace {

constexpr std::size_t nobody = static_cast<std::size_t>(-1);
constexpr std::size_t span_of_control = 6; // reports per manager where the story names no team

// Each concern draws from its own sequence, so that a change to one leaves the others as they were.
enum class Stream : std::uint64_t { names = 1, levels = 2, disciplines = 3 };

std::uint64_t seed_of(std::uint64_t seed, Stream stream) {
    return Random(seed + static_cast<std::uint64_t>(stream) * 0xd1342543de82ef95U).next();
}

struct Person {
    RosterRow row;
    std::size_t line = 0;
    std::size_t manager = nobody;
};

// L10 is above L9 and J090 above J040: numbers at the end of the key decide, else its place.
bool is_below(const std::string &a, const std::string &b) {
    const auto split = [](const std::string &key) {
        const std::size_t last = key.find_last_not_of("0123456789");
        return last == std::string::npos ? 0 : last + 1;
    };
    const std::size_t i = split(a), j = split(b);
    if (i == a.size() || j == b.size() || a.compare(0, i, b, 0, j) != 0)
        return false;
    const auto digits = [](const std::string &key, std::size_t from) {
        return key.substr(std::min(key.find_first_not_of('0', from), key.size()));
    };
    const std::string x = digits(a, i), y = digits(b, j);
    return x.size() != y.size() ? x.size() < y.size() : x < y;
}

// One key per person, `total` of them, grouped in the order of the shares.
std::vector<std::string> deal(std::uint64_t total, const std::vector<Share> &shares) {
    std::vector<std::uint64_t> weights;
    for (const Share &share : shares)
        weights.push_back(share.weight);
    const std::vector<std::uint64_t> counts = apportion(total, weights);
    std::vector<std::string> keys;
    for (std::size_t i = 0; i < shares.size(); ++i)
        keys.insert(keys.end(), counts[i], shares[i].key);
    return keys;
}

// Somebody has it already: one less is dealt.
void take_out(std::vector<std::string> &keys, const std::string &key) {
    const auto quota = std::find(keys.begin(), keys.end(), key);
    keys.erase(quota == keys.end() ? keys.begin() : quota);
}

std::string drawn(std::vector<std::string> &keys) {
    std::string key = std::move(keys.back());
    keys.pop_back();
    return key;
}

class Generator {
  public:
    explicit Generator(const Story &story)
        : story_(story), names_(seed_of(story.seed, Stream::names), domain()) {}

    Roster run() {
        // Two accounts with one address stay: check_roster names both rows.
        for (const ServiceAccount &account : story_.service_accounts)
            names_.take(email_of(account));
        name_people();
        count_ = std::max<std::uint64_t>(story_.count, people_.size());
        people_.reserve(count_);
        if (count_ > 0)
            choose_head();
        if (story_.teams.empty())
            fill_tree();
        else
            fill_teams();
        assign_levels();
        assign_disciplines();
        return rows();
    }

  private:
    std::string domain() const {
        if (story_.domain)
            return *story_.domain;
        for (const ServiceAccount &account : story_.service_accounts)
            if (account.email && account.email->find('@') != std::string::npos)
                return normalise_email(account.email->substr(account.email->find('@') + 1));
        return "example.com"; // reserved by RFC 2606: nobody receives mail there
    }

    std::string email_of(const ServiceAccount &account) const {
        if (account.email)
            return normalise_email(*account.email);
        std::string id = normalise_email(account.id);
        std::replace(id.begin(), id.end(), ' ', '-');
        return id + '@' + domain();
    }

    std::size_t add(Person person) {
        people_.push_back(std::move(person));
        return people_.size() - 1;
    }

    std::size_t add_generated() { return add({names_.next()}); }

    // Once per name: who leads two teams is one person.
    std::size_t add_named(const NamedPerson &named) {
        const auto known = by_name_.find(named.name);
        if (known != by_name_.end())
            return known->second;
        RosterRow row = names_.named(named.name);
        names_.take(*row.email);
        row.level = named.level;
        row.discipline = named.discipline;
        return by_name_[named.name] = add({std::move(row), named.line});
    }

    void name_people() {
        directors_.assign(story_.departments.size(), nobody);
        leads_.assign(story_.teams.size(), nobody);
        for (std::size_t i = 0; i < directors_.size(); ++i)
            if (story_.departments[i].director)
                directors_[i] = add_named(*story_.departments[i].director);
        director_count_ = people_.size();
        for (std::size_t i = 0; i < leads_.size(); ++i)
            if (story_.teams[i].manager)
                leads_[i] = add_named(*story_.teams[i].manager);
    }

    bool has_room() const { return people_.size() < count_; }

    // One person reports to nobody: whoever the story leaves no doubt about, else somebody
    // generated.
    void choose_head() {
        const bool one_director = director_count_ == 1 && story_.departments.size() == 1;
        head_ = people_.size() == 1 || one_director || !has_room() ? 0 : add_generated();
        for (const std::size_t director : directors_)
            if (director != nobody)
                report(director, head_);
    }

    void report(std::size_t person, std::size_t manager) {
        if (person != manager && person != head_ && people_[person].manager == nobody)
            people_[person].manager = manager;
    }

    std::size_t manager_of_team(const Team &team) const {
        const std::size_t director =
            team.department == no_department ? nobody : directors_[team.department];
        return director == nobody ? head_ : director;
    }

    void fill_teams() {
        for (std::size_t i = 0; i < leads_.size(); ++i) {
            if (leads_[i] == nobody && has_room())
                leads_[i] = add_generated();
            if (leads_[i] == nobody)
                continue;
            report(leads_[i], manager_of_team(story_.teams[i]));
            if (!people_[leads_[i]].row.team && leads_[i] != head_)
                people_[leads_[i]].row.team = story_.teams[i].id;
        }
        first_member_ = people_.size();
        std::vector<std::uint64_t> sizes;
        for (const Team &team : story_.teams)
            sizes.push_back(team.size);
        if (std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0}) == 0)
            std::fill(sizes.begin(), sizes.end(), 1);
        const std::vector<std::uint64_t> members = apportion(count_ - people_.size(), sizes);
        for (std::size_t i = 0; i < members.size(); ++i)
            for (std::uint64_t n = 0; n < members[i]; ++n) {
                const std::size_t person = add_generated();
                people_[person].row.team = story_.teams[i].id;
                report(person, leads_[i]);
            }
    }

    // No team in the story: everybody leads the next few, and those are a team.
    void fill_tree() {
        const std::size_t first = people_.size();
        std::vector<std::size_t> line;
        if (count_ > 0)
            line.push_back(head_);
        for (std::size_t i = 0; i < first; ++i)
            if (i != head_)
                line.push_back(i);
        while (has_room())
            line.push_back(add_generated());
        for (std::size_t i = 1; i < line.size(); ++i) {
            const std::size_t leader = (i - 1) / span_of_control;
            report(line[i], line[leader]);
            people_[line[i]].row.team = "team-" + std::to_string(leader + 1);
        }
        // seniority decides who leads: nobody's level is dealt blindly
        first_member_ = people_.size();
    }

    // The seniors get the high levels, team members what is left, in no particular order.
    void assign_levels() {
        if (story_.levels.empty())
            return;
        std::vector<Share> shares = story_.levels;
        std::stable_sort(shares.begin(), shares.end(),
                         [](const Share &a, const Share &b) { return is_below(a.key, b.key); });
        std::vector<std::string> levels = deal(count_, shares);
        std::vector<std::size_t> seniors;
        for (std::size_t i = 0; i < people_.size(); ++i) {
            if (people_[i].row.level)
                take_out(levels, *people_[i].row.level);
            else if (i < first_member_ && i != head_)
                seniors.push_back(i);
        }
        const auto give_highest = [&](std::size_t person) {
            people_[person].row.level = drawn(levels);
        };
        if (count_ > 0 && !people_[head_].row.level)
            give_highest(head_);
        for (const std::size_t senior : seniors)
            give_highest(senior);
        Random(seed_of(story_.seed, Stream::levels)).shuffle(levels);
        for (std::size_t i = first_member_; i < people_.size(); ++i)
            if (!people_[i].row.level)
                give_highest(i);
    }

    void assign_disciplines() {
        if (story_.disciplines.empty())
            return;
        std::vector<std::string> disciplines = deal(count_, story_.disciplines);
        for (const Person &person : people_)
            if (person.row.discipline)
                take_out(disciplines, *person.row.discipline);
        Random(seed_of(story_.seed, Stream::disciplines)).shuffle(disciplines);
        for (Person &person : people_)
            if (!person.row.discipline)
                person.row.discipline = drawn(disciplines);
    }

    // Managers first, so that a reader and a foreign key meet nobody unknown.
    std::vector<std::size_t> top_down() const {
        std::vector<std::vector<std::size_t>> reports(people_.size());
        std::vector<std::size_t> order;
        for (std::size_t i = 0; i < people_.size(); ++i)
            (people_[i].manager == nobody ? order : reports[people_[i].manager]).push_back(i);
        for (std::size_t i = 0; i < order.size(); ++i)
            order.insert(order.end(), reports[order[i]].begin(), reports[order[i]].end());
        return order;
    }

    Roster rows() const {
        Roster roster;
        for (const std::size_t i : top_down()) {
            const Person &person = people_[i];
            roster.rows.push_back(person.row);
            if (person.manager != nobody)
                roster.rows.back().manager_email = people_[person.manager].row.email;
            roster.lines.push_back(person.line);
        }
        for (const ServiceAccount &account : story_.service_accounts) {
            RosterRow row;
            row.email = email_of(account);
            row.name = account.name ? *account.name : account.id;
            row.kind = "service_account";
            roster.rows.push_back(std::move(row));
            roster.lines.push_back(account.line);
        }
        return roster;
    }

    const Story &story_;
    NameSource names_;
    std::vector<Person> people_;
    std::unordered_map<std::string, std::size_t> by_name_;
    std::vector<std::size_t> directors_, leads_; // by department and by team
    std::size_t director_count_ = 0, head_ = 0, first_member_ = 0;
    std::uint64_t count_ = 0;
};

} // namespace

std::vector<std::uint64_t> apportion(std::uint64_t total,
                                     const std::vector<std::uint64_t> &weights) {
    const std::uint64_t sum = std::accumulate(weights.begin(), weights.end(), std::uint64_t{0});
    std::vector<std::uint64_t> counts(weights.size());
    if (sum == 0)
        return counts;
    std::vector<std::size_t> order(weights.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::uint64_t left = total;
    for (std::size_t i = 0; i < weights.size(); ++i) {
        counts[i] = total * weights[i] / sum;
        left -= counts[i];
    }
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return total * weights[a] % sum > total * weights[b] % sum;
    });
    for (std::size_t i = 0; i < left; ++i)
        ++counts[order[i]];
    return counts;
}

Roster generate_people(const Story &story) { return Generator(story).run(); }

Roster parse_terrain_roster(std::string_view text) { return generate_people(parse_story(text)); }

} // namespace pg_principal::cli
