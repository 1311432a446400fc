// Random sequences of what principals, operators and thieves do with tokens, on a server whose
// clock stands still between steps, beside a model of what they ought to bring about. After each
// step every token ever given out is tried. Usage: sessions CLOCK SEED SEQUENCES SECONDS
#include <libpq-fe.h>

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using Seconds = std::int64_t;
using Texts = std::vector<std::string>;
constexpr Seconds forever = std::numeric_limits<Seconds>::max() / 2;

// The settings as they come, but for the last, which sessions.sql sets.
constexpr Seconds access_ttl = 900, clock_skew = 30, reuse_interval = 10, lockout = 60;
constexpr int failures_that_lock = 5, audited_in_an_hour = 6;

struct Disagreement : std::runtime_error {
    using std::runtime_error::runtime_error;
};

void agree(const std::string &what, const std::string &got, const std::string &wanted) {
    if (got != wanted)
        throw Disagreement(what + ": the server says '" + got + "', the model '" + wanted + "'");
}

// --- the server ---

class Server {
  public:
    explicit Server(const char *clock_path)
        : connection(PQconnectdb("")), clock(open(clock_path, O_WRONLY | O_CLOEXEC)) {
        if (PQstatus(connection) != CONNECTION_OK)
            throw std::runtime_error(PQerrorMessage(connection));
        if (clock < 0)
            throw std::runtime_error("no clock");
    }
    Server(const Server &) = delete;
    Server &operator=(const Server &) = delete;
    ~Server() {
        PQfinish(connection);
        close(clock);
    }

    void set_time(Seconds to) {
        now = to;
        const std::int64_t us = to * 1000000;
        if (pwrite(clock, &us, sizeof us, 0) != sizeof us)
            throw std::runtime_error("the clock cannot be set");
    }

    // The rows' first columns. An array comes one element a row.
    Texts ask(const std::string &sql, const Texts &arguments = {}) {
        std::vector<const char *> values;
        for (const std::string &argument : arguments)
            values.push_back(argument.c_str());
        PGresult *result = PQexecParams(connection, sql.c_str(), static_cast<int>(values.size()),
                                        nullptr, values.data(), nullptr, nullptr, 0);
        Texts rows;
        for (int i = 0; i < PQntuples(result); ++i)
            rows.emplace_back(PQgetvalue(result, i, 0));
        const bool good = PQresultStatus(result) == PGRES_TUPLES_OK;
        const std::string error = PQresultErrorMessage(result);
        PQclear(result);
        if (!good)
            throw Disagreement("the server failed: " + error);
        return rows;
    }
    std::string one(const std::string &sql, const Texts &arguments = {}) {
        return ask(sql, arguments).at(0);
    }

    Seconds now = 0;

  private:
    PGconn *connection;
    int clock;
};

std::string array(const Texts &texts) { // of texts that need no quotes
    std::string out = "{";
    for (const std::string &text : texts)
        out += (out.size() > 1 ? "," : "") + text;
    return out + "}";
}

// --- the model ---

struct Lock {
    int failures = 0;
    Seconds last_failure = -forever, until = -forever;
};

struct Principal {
    std::string email, id, password;
    Seconds banned_until = -forever;
    int bans = 0;
    bool known_here = false; // has signed in from this address
    Lock strangers, here;
};

struct Session {
    int owner;
    std::string id;
    bool issued;
    int bans; // the principal's when it began
    Seconds ends = forever;
    std::string ended_by{}; // empty: nothing
    // its refresh token
    bool has_refresh = false, password_rotated = false;
    int generation = 1, repeated = 0; // of the token that was given a second time, late
    Seconds rotated_at = 0, refresh_ends = 0;
    std::map<int, std::string> tokens{}; // by generation
};

struct Access {
    int session;
    Seconds expires;
    std::string text;
};

enum class Forged { no, secret, id, session, text };

struct Refresh {
    int session;
    int generation;
    Forged forged;
    std::string text;
};

struct Counts {
    std::map<std::string, std::int64_t> refused, audited;
    std::int64_t suppressed = 0;
};

class Model {
  public:
    std::vector<Principal> principals;
    std::vector<Session> sessions;
    std::vector<Access> access;
    std::vector<Refresh> refresh;
    Seconds now = 0;
    bool reuse_parent = false;

    [[nodiscard]] bool banned(const Principal &principal) const {
        return principal.banned_until > now;
    }

    [[nodiscard]] bool over(const Session &session) const {
        const Principal &owner = principals[session.owner];
        return !session.ended_by.empty() || session.bans != owner.bans || banned(owner);
    }

    [[nodiscard]] std::string verdict(const Access &token) const {
        const Session &session = sessions[token.session];
        const bool late = now >= token.expires + clock_skew || now >= session.ends + clock_skew;
        return over(session) || late ? "dead" : "ok";
    }

    // A reason, or ok.
    [[nodiscard]] std::string verdict(const Refresh &token) const {
        const Session &session = sessions[token.session];
        if (token.forged == Forged::text || token.forged == Forged::session)
            return "verification-failed"; // nothing of ours, or of no session
        if (token.forged == Forged::id)
            return "refresh-id-mismatch";
        if (!session.has_refresh)
            return "missing-refresh-state";
        const int age = session.generation - token.generation;
        if (token.forged == Forged::secret && age <= 1)
            return "hash-mismatch"; // of older ones no hash is kept
        if (banned(principals[session.owner]))
            return "banned";
        if (session.password_rotated || session.ended_by == "password_rotated")
            return "password-rotated";
        if (over(session))
            return "token-invalidated";
        if (now >= session.refresh_ends)
            return "expired";
        if (age == 0 || (age == 1 && now < session.rotated_at + reuse_interval))
            return "ok";
        if (age == 1 && reuse_parent && session.repeated != token.generation)
            return "ok"; // its answer was lost, and nobody has used the successor
        return "refresh-id-mismatch";
    }

    // Whether it is given for again beyond the interval.
    [[nodiscard]] bool is_late(const Refresh &token) const {
        const Session &session = sessions[token.session];
        return token.generation < session.generation && now >= session.rotated_at + reuse_interval;
    }

    // Whether who shows it has, or had, a real one.
    [[nodiscard]] bool is_proven(const Refresh &token) const {
        const Session &session = sessions[token.session];
        return token.forged != Forged::id && session.has_refresh &&
               (token.forged != Forged::secret || session.generation - token.generation > 1);
    }

    // Whether a refused refresh token shows that it was stolen.
    [[nodiscard]] bool is_reuse(const Refresh &token) const {
        return token.forged != Forged::id && verdict(token) == "refresh-id-mismatch";
    }

    [[nodiscard]] std::string state(const Session &session) const {
        if (!session.ended_by.empty())
            return session.ended_by;
        if (over(session))
            return "banned";
        const Seconds ends =
            session.has_refresh ? std::min(session.ends, session.refresh_ends) : session.ends;
        return now >= ends ? "expired" : "live";
    }

    // Counts a password that was given: empty, or why it leads nowhere.
    std::string admit(Principal &principal, bool right) {
        Lock &lock = principal.known_here ? principal.here : principal.strangers;
        const bool locked = lock.until > now; // then it is a guess, whatever it is
        if (right && !locked) {
            lock.failures = 0;
            lock.until = -forever;
            principal.known_here = true;
            return "";
        }
        const bool long_ago =
            !locked && lock.last_failure > -forever && lock.last_failure < now - 86400;
        lock.failures = long_ago ? 1 : lock.failures + 1;
        lock.last_failure = now;
        if (lock.failures >= failures_that_lock)
            lock.until = std::max(
                lock.until, now + (lockout << std::min(lock.failures - failures_that_lock, 6)));
        return locked ? "locked" : "wrong-password";
    }

    // When something is going to change by itself.
    [[nodiscard]] std::vector<Seconds> moments() const {
        std::vector<Seconds> all, soon;
        for (const Principal &principal : principals)
            all.insert(all.end(), {principal.banned_until, principal.here.until,
                                   principal.strangers.until, principal.here.last_failure + 86400});
        for (const Session &session : sessions)
            all.insert(all.end(), {session.ends + clock_skew, session.refresh_ends,
                                   session.rotated_at + reuse_interval});
        for (const Access &token : access)
            all.push_back(token.expires + clock_skew);
        for (const Seconds moment : all)
            if (moment > now && moment < now + 1000000)
                soon.push_back(moment);
        return soon;
    }

    void end_sessions(int owner, const std::string &how, int except) {
        for (int i = 0; i < static_cast<int>(sessions.size()); ++i)
            if (sessions[i].owner == owner && i != except && sessions[i].ended_by.empty())
                sessions[i].ended_by = how;
    }
};

// --- the sequences ---

class Run {
  public:
    static constexpr int both = -1;

    Run(Server &the_server, Counts &all_counts,
        std::map<std::string, std::pair<Seconds, int>> &hours, std::uint64_t the_seed)
        : server(the_server), counts(all_counts), audited_hours(hours), random(the_seed),
          seed(the_seed) {}

    std::string trace;
    int steps = 0;

    void play() {
        model.now = server.now;
        model.reuse_parent = seed % 2 != 0;
        server.ask("SELECT set_config('pg_principal.refresh_reuse_parent', $1, false)",
                   {model.reuse_parent ? "on" : "off"});
        for (int i = 0; i < 2; ++i) {
            Principal principal;
            principal.email = "p" + std::to_string(seed) + "-" + std::to_string(i) + "@example.com";
            principal.password = "Th1sIsAStrong!Pass";
            principal.id =
                server.one("SELECT add_principal($1, $2)", {principal.email, principal.password});
            model.principals.push_back(principal);
        }
        sign_in(0);
        const int length = 8 + pick(14);
        for (int i = 0; i < length; ++i) {
            const Seconds before = model.now;
            const int touched = step();
            ++steps;
            check(i + 1 == length || model.now > before ? both : touched);
        }
    }

  private:
    Server &server;
    Counts &counts;
    std::map<std::string, std::pair<Seconds, int>> &audited_hours;
    std::mt19937_64 random;
    std::uint64_t seed;
    Model model;

    int pick(std::size_t below) { return static_cast<int>(random() % below); }
    bool chance(int percent) { return pick(100) < percent; }
    template <class T>
    T any(const std::vector<T> &values) {
        return values[pick(values.size())];
    }

    void note(const std::string &text) {
        trace += "    +" + std::to_string(model.now) + " " + text + "\n";
    }

    // A refusal: counted, and audited unless there were too many within the hour, which are counted
    // apart for real refresh tokens. What ends a session is always audited.
    void refused(const std::string &counter, const std::string &whose, bool ends_session = false) {
        ++counts.refused[counter];
        audited(counter, whose, ends_session);
    }
    void audited(const std::string &counter, const std::string &whose, bool ends_session = false) {
        auto &[hour, entries] = audited_hours[whose];
        if (hour != model.now / 3600) {
            hour = model.now / 3600;
            entries = 0;
        }
        if (entries >= audited_in_an_hour && !ends_session) {
            ++counts.suppressed;
            return;
        }
        ++entries;
        ++counts.audited[counter];
    }

    // Returns whose step it was.
    int step() {
        const int owner = pick(2);
        const int dice = pick(100);
        if (dice < 14)
            sign_in(owner);
        else if (dice < 20)
            fail_to_sign_in(owner);
        else if (dice < 54)
            return use_refresh();
        else if (dice < 57)
            ban(owner);
        else if (dice < 60)
            unban(owner);
        else if (dice < 65)
            return change_password();
        else if (dice < 67)
            set_password(owner);
        else if (dice < 70)
            return revoke();
        else if (dice < 75)
            return sign_out();
        else if (dice < 80)
            issue(owner);
        else
            wait();
        return owner;
    }

    void wait() {
        static const std::vector<Seconds> steps_of_time = {
            1,   1,   5,    9,    9,    10,   11,   29,    30,    31,     60,     61,
            120, 599, 600,  601,  869,  870,  871,  899,   900,   901,    929,    930,
            931, 961, 3599, 3600, 3601, 3629, 3630, 86399, 86400, 604799, 604800, 604801};
        Seconds by = any(steps_of_time);
        const std::vector<Seconds> moments = model.moments();
        if (!moments.empty() && chance(60)) // to one where something ends, or just before or after
            by = std::max<Seconds>(1, any(moments) - model.now + pick(3) - 1);
        pass(by);
    }

    void pass(Seconds by) {
        model.now += by;
        server.set_time(model.now);
        note("wait " + std::to_string(by) + " s");
    }

    Seconds refresh_ttl() { return chance(60) ? 604800 : any<Seconds>({600, 901, 3600, 60}); }

    // Takes in what a sign-in or a refresh gave.
    void take_tokens(const Texts &answer, int index, Seconds ttl_left) {
        Session &session = model.sessions[index];
        const Seconds access_seconds = std::max<Seconds>(1, std::min(access_ttl, ttl_left));
        agree("seconds of the access token", answer.at(3), std::to_string(access_seconds));
        agree("seconds of the refresh token", answer.at(5), std::to_string(ttl_left));
        model.access.push_back({index, model.now + access_seconds, answer.at(2)});
        const auto [known, is_new] = session.tokens.emplace(session.generation, answer.at(4));
        agree("the refresh token", answer.at(4), known->second);
        for (const Refresh &token : model.refresh)
            if (token.session == index && token.generation == session.generation &&
                token.forged == Forged::no)
                return;
        model.refresh.push_back({index, session.generation, Forged::no, answer.at(4)});
    }

    void sign_in(int owner) {
        Principal &principal = model.principals[owner];
        const Seconds ttl = refresh_ttl();
        note(principal.email + " signs in for " + std::to_string(ttl) + " s");
        const Texts answer = server.ask("SELECT unnest(sign_in($1, $2, $3))",
                                        {principal.email, principal.password, std::to_string(ttl)});
        std::string wanted = model.admit(principal, true);
        if (wanted.empty() && model.banned(principal))
            wanted = "banned";
        agree("sign in", answer.at(0), wanted.empty() ? "ok" : wanted);
        if (!wanted.empty()) {
            refused("signIn " + wanted, principal.id);
            return;
        }
        Session session{owner, answer.at(1), false, principal.bans};
        session.has_refresh = true;
        session.rotated_at = model.now;
        session.refresh_ends = model.now + ttl;
        model.sessions.push_back(session);
        take_tokens(answer, static_cast<int>(model.sessions.size()) - 1, ttl);
    }

    void fail_to_sign_in(int owner) {
        Principal &principal = model.principals[owner];
        const auto fail = [&] {
            note(principal.email + " signs in with a wrong password");
            const std::string got =
                server.one("SELECT (sign_in($1, $2, 600))[1]", {principal.email, "wrong"});
            const std::string wanted = model.admit(principal, false);
            agree("sign in with a wrong password", got, wanted);
            refused("signIn " + wanted, principal.id);
        };
        fail();
        if (chance(70))
            return;
        // Goes on guessing, each time as soon as the lock lets it.
        for (int times = 6 + pick(14); times > 0; --times) {
            const Lock &lock = principal.known_here ? principal.here : principal.strangers;
            if (lock.until > model.now && chance(80))
                pass(lock.until - model.now);
            fail();
        }
        const Lock &lock = principal.known_here ? principal.here : principal.strangers;
        if (lock.until - 1 > model.now)
            pass(lock.until - 1 - model.now);
        sign_in(owner);
    }

    // One that was given out, or with a change that makes it none.
    Refresh some_refresh() {
        Refresh token = any(model.refresh);
        if (chance(35)) { // rather the newest of its session
            for (const Refresh &other : model.refresh)
                if (other.session == token.session && other.generation > token.generation)
                    token = other;
        }
        if (chance(88))
            return token;
        // ppr_ and base64url of 65 bytes: version, session, id (4 bytes of generation first),
        // secret
        const Forged how = any<Forged>(
            {Forged::secret, Forged::secret, Forged::id, Forged::session, Forged::text});
        const std::size_t at = how == Forged::secret    ? 4 + 60
                               : how == Forged::id      ? 4 + 34
                               : how == Forged::session ? 4 + 10
                                                        : 0;
        token.forged = how;
        token.text[at] = token.text[at] == 'A' ? 'B' : 'A';
        return token;
    }

    int use_refresh() {
        if (model.refresh.empty())
            return both;
        const Refresh token = some_refresh();
        const Seconds ttl = refresh_ttl();
        Session &session = model.sessions[token.session];
        static const char *const names[] = {"", " with a forged secret", " with a forged id",
                                            " of a forged session", " that is none"};
        note("refresh: session " + std::to_string(token.session) + ", token " +
             std::to_string(token.generation) + " of " + std::to_string(session.generation) +
             names[static_cast<int>(token.forged)]);
        const std::string wanted = model.verdict(token);
        const bool reuse = model.is_reuse(token), proven = model.is_proven(token);
        const Texts answer =
            server.ask("SELECT unnest(refresh($1, $2))", {token.text, std::to_string(ttl)});
        agree("refresh", answer.at(0), wanted);
        if (wanted == "ok") {
            if (token.generation == session.generation) {
                ++session.generation;
                session.rotated_at = model.now;
                session.refresh_ends = model.now + ttl;
            } else if (model.is_late(token)) {
                session.repeated = session.generation;
                audited("refreshToken parent-reused",
                        model.principals[session.owner].id + " proven");
            }
            agree("session", answer.at(1), session.id);
            take_tokens(answer, token.session, session.refresh_ends - model.now);
            return session.owner;
        }
        const bool nobodys = token.forged == Forged::text || token.forged == Forged::session ||
                             token.forged == Forged::id;
        refused("refreshToken " + wanted,
                nobodys ? "nobody" : model.principals[session.owner].id + (proven ? " proven" : ""),
                reuse);
        if (reuse && session.ended_by.empty())
            session.ended_by = "reuse";
        return session.owner;
    }

    void ban(int owner) {
        Principal &principal = model.principals[owner];
        const Seconds duration = any<Seconds>({60, 900, 3600, 86400, 3155760000});
        note("ban " + principal.email + " for " + std::to_string(duration) + " s");
        server.ask("SELECT auth.ban($1, $2 * interval '1 second')",
                   {principal.email, std::to_string(duration)});
        principal.banned_until = model.now + duration;
        ++principal.bans;
    }

    void unban(int owner) {
        Principal &principal = model.principals[owner];
        note("unban " + principal.email);
        server.ask("SELECT auth.unban($1)", {principal.email});
        principal.banned_until = -forever;
    }

    int change_password() {
        if (model.access.empty())
            return both;
        const Access token = any(model.access);
        Session &session = model.sessions[token.session];
        Principal &principal = model.principals[session.owner];
        const bool right = chance(80), same = chance(10);
        const std::string old = right ? principal.password : "wrong";
        const std::string fresh = same ? old : "Th1sIsAStrong!Pass" + std::to_string(pick(1000000));
        note("change password with an access token of session " + std::to_string(token.session) +
             (right ? "" : ", wrong password") + (same ? ", no new one" : ""));
        std::string wanted = model.verdict(token);
        if (wanted == "ok") {
            const std::string refusal = model.admit(principal, right);
            if (!refusal.empty()) {
                refused("signIn " + refusal, principal.id);
                wanted = refusal;
            } else if (fresh == old)
                wanted = "same-password";
        }
        agree("change password",
              server.one("SELECT change_password($1, $2, $3)", {token.text, old, fresh}), wanted);
        if (wanted != "ok")
            return session.owner;
        principal.password = fresh;
        model.end_sessions(session.owner, "password_rotated", token.session);
        if (session.has_refresh) {
            session.password_rotated = true;
            session.ends = model.now + access_ttl;
        }
        return session.owner;
    }

    void set_password(int owner) {
        Principal &principal = model.principals[owner];
        principal.password = "Th1sIsAStrong!Pass" + std::to_string(pick(1000000));
        note("an operator sets the password of " + principal.email);
        server.ask("SELECT auth.set_password($1, $2)", {principal.email, principal.password});
        model.end_sessions(owner, "password_rotated", -1);
        principal.known_here = false;
        principal.here = principal.strangers = Lock();
    }

    int revoke() {
        if (model.sessions.empty())
            return both;
        const int index = pick(model.sessions.size());
        Session &session = model.sessions[index];
        note("revoke session " + std::to_string(index));
        agree("revoke", server.one("SELECT auth.revoke_session($1::uuid)", {session.id}),
              session.ended_by.empty() ? "t" : "f");
        if (session.ended_by.empty())
            session.ended_by = "revoked";
        return session.owner;
    }

    int sign_out() {
        if (model.access.empty())
            return both;
        const Access token = any(model.access);
        const std::string scope = any<std::string>({"local", "others", "global"});
        note("sign out, " + scope + ", with an access token of session " +
             std::to_string(token.session));
        const std::string wanted = model.verdict(token);
        agree("sign out", server.one("SELECT sign_out($1, $2)", {token.text, scope}), wanted);
        if (wanted != "ok")
            return model.sessions[token.session].owner;
        for (int i = 0; i < static_cast<int>(model.sessions.size()); ++i) {
            Session &session = model.sessions[i];
            const bool own = i == token.session;
            const bool meant = scope == "local" ? own : scope == "others" ? !own : true;
            if (meant && session.owner == model.sessions[token.session].owner &&
                session.ended_by.empty()) {
                session.ended_by = "signed_out";
                session.has_refresh = false;
            }
        }
        return model.sessions[token.session].owner;
    }

    void issue(int owner) {
        Principal &principal = model.principals[owner];
        const int hours = any<int>({1, 24, 200});
        note("issue a token to " + principal.email + " for " + std::to_string(hours) + " h");
        const Texts answer = server.ask("SELECT unnest(issue($1, $2))",
                                        {principal.email, std::to_string(hours) + "h"});
        agree("issue", answer.at(0), model.banned(principal) ? "banned" : "ok");
        if (model.banned(principal))
            return;
        Session session{owner, answer.at(1), true, principal.bans};
        session.ends = model.now + hours * 3600;
        model.sessions.push_back(session);
        model.access.push_back(
            {static_cast<int>(model.sessions.size()) - 1, session.ends, answer.at(2)});
    }

    // Every access token ever given out, every session, and every refresh token of who did
    // something: those of the other principal, which take long to try, when time has passed and at
    // the end.
    void check(int touched) {
        for (int owner = 0; owner < 2; ++owner) {
            Texts access, refresh, wanted, what;
            for (const Access &token : model.access)
                if (model.sessions[token.session].owner == owner) {
                    access.push_back(token.text);
                    what.push_back("an access token of session " + std::to_string(token.session));
                    wanted.push_back(model.verdict(token));
                }
            const bool all = touched == both || touched == owner;
            for (const Refresh &token : model.refresh)
                if (all && model.sessions[token.session].owner == owner) {
                    refresh.push_back(token.text);
                    what.push_back("refresh token " + std::to_string(token.generation) +
                                   " of session " + std::to_string(token.session));
                    wanted.push_back(model.verdict(token));
                }
            std::map<std::string, std::string> states;
            for (std::size_t i = 0; i < model.sessions.size(); ++i)
                if (model.sessions[i].owner == owner)
                    states[model.sessions[i].id] = model.state(model.sessions[i]);
            for (const auto &[id, state] : states) {
                what.push_back("the list of sessions");
                wanted.push_back(id + " " + state);
            }
            const Texts got =
                server.ask("SELECT unnest(try_all($1, $2, $3))",
                           {array(access), array(refresh), model.principals[owner].email});
            agree("how many there are", std::to_string(got.size()), std::to_string(wanted.size()));
            std::size_t at = access.size();
            for (const Refresh &token : model.refresh)
                if (all && model.sessions[token.session].owner == owner) {
                    if (wanted[at] == "ok") // and the successor, always the same one
                        wanted[at] += " " + successor(token, got[at]);
                    ++at;
                }
            for (std::size_t i = 0; i < got.size(); ++i)
                agree(what[i], got[i], wanted[i]);
        }
    }

    std::string successor(const Refresh &token, const std::string &got) {
        const std::string told = got.size() > 3 ? got.substr(3) : got;
        return model.sessions[token.session]
            .tokens.emplace(token.generation + 1, told)
            .first->second;
    }
};

// Counters, the audit and the model have the same numbers, and every chain holds.
void check_totals(Server &server, const Counts &counts) {
    for (const auto &[counter, n] : counts.refused) {
        const std::string kind = counter.substr(0, counter.find(' '));
        const std::string reason = counter.substr(kind.size() + 1);
        agree("counter of " + counter,
              server.one(
                  "SELECT coalesce(sum(value), 0) FROM auth.read_metrics() WHERE name = $1 AND "
                  "label = $2",
                  {kind == "signIn" ? "auth.sign_in.failures" : "auth.refresh.failures", reason}),
              std::to_string(n));
        const auto audited = counts.audited.find(counter);
        agree("audit entries of " + counter,
              server.one("SELECT count(*) FROM auth.audit_log WHERE changes->$1->>'reason' = $2 "
                         "AND reason = $2",
                         {kind, reason}),
              std::to_string(audited == counts.audited.end() ? 0 : audited->second));
    }
    if (const auto repeats = counts.audited.find("refreshToken parent-reused");
        repeats != counts.audited.end())
        agree("audit entries of tokens given again",
              server.one("SELECT count(*) FROM auth.audit_log WHERE reason = 'parent-reused' AND "
                         "changes->'refreshToken'->>'current' = 'given again'"),
              std::to_string(repeats->second));
    std::int64_t all = 0;
    for (const auto &[counter, n] : counts.refused)
        all += n;
    agree("all counters",
          server.one("SELECT sum(value) FROM auth.read_metrics() WHERE name ~ "
                     "'^auth[.](refresh|sign_in)[.]failures$'"),
          std::to_string(all));
    agree("suppressed entries",
          server.one("SELECT coalesce(sum(value), 0) FROM auth.read_metrics() WHERE name = "
                     "'auth.audit.suppressed'"),
          std::to_string(counts.suppressed));
    agree("broken chains",
          server.one("SELECT coalesce(string_agg(fault, '; '), 'none') FROM auth.audit_verify()"),
          "none");
}

int run(char **argv) {
    const std::uint64_t seed = std::strtoull(argv[2], nullptr, 10);
    const int sequences = std::atoi(argv[3]);
    const std::chrono::seconds limit(std::atoi(argv[4]));
    Server server(argv[1]);
    Counts counts;
    std::map<std::string, std::pair<Seconds, int>> audited_hours;
    server.ask("SELECT set_config('log_min_messages', 'fatal', false), "
               "set_config('synchronous_commit', 'off', false)");
    server.set_time(1900000000); // in 2030
    const auto begin = std::chrono::steady_clock::now();
    int played = 0;
    std::int64_t steps = 0;
    for (; played < sequences && std::chrono::steady_clock::now() - begin < limit; ++played) {
        Run run(server, counts, audited_hours, seed + played);
        try {
            run.play();
            steps += run.steps;
        } catch (const Disagreement &disagreement) {
            std::printf("not ok - no disagreement with the model\n    %s\n    after\n%s    Again: "
                        "SEED=%llu SEQUENCES=1 make test ONLY=system TESTS=property\n",
                        disagreement.what(), run.trace.c_str(),
                        static_cast<unsigned long long>(seed + played));
            return 1;
        }
    }
    std::printf("ok - %d sequences, %lld steps: no dead token accepted, no live one refused, each "
                "refusal with its reason\n",
                played, static_cast<long long>(steps));
    try {
        check_totals(server, counts);
    } catch (const Disagreement &disagreement) {
        std::printf("not ok - counters, audit and model have the same numbers, and every chain "
                    "holds\n    %s\n",
                    disagreement.what());
        return 1;
    }
    std::printf("ok - counters, audit and model have the same numbers, and every chain holds\n");
    std::string seen;
    for (const auto &[counter, n] : counts.refused)
        seen += (seen.empty() ? "" : ", ") + counter + " " + std::to_string(n);
    std::printf("# %s; suppressed %lld\n", seen.c_str(), static_cast<long long>(counts.suppressed));
    return 0;
}

} // namespace

int main(int argc, char **argv) {
    if (argc != 5)
        return 2;
    try {
        return run(argv);
    } catch (const std::exception &error) {
        std::printf("not ok - the test runs\n    %s\n", error.what());
        return 1;
    }
}
