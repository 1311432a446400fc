#include "issuers/keys.hpp"

#include "base/failure.hpp"
#include "base/terminal.hpp"
#include "base/text_object.hpp"
#include "core/json/storable.hpp"

namespace pg_principal::issuers {

namespace {

const db::Statement end_fetch{
    "SELECT outcome, url, problem FROM auth.end_key_fetch($1::pg_catalog.uuid, "
    "$2::pg_catalog.text, $3::pg_catalog.jsonb)"};

const db::Statement next_fetch{"SELECT issuer, attempt, url FROM auth.next_key_fetch()"};
constexpr milliseconds between_questions{5000};

} // namespace

db::Result carry_keys(Fetcher &fetcher, const Ask &ask, const db::Result &fetch) {
    std::string url(fetch.text(0, 2));
    for (bool is_second = false;; is_second = true) {
        db::Param body;
        std::string answer;
        try {
            Fetched fetched = fetcher.get(url);
            if (fetched.body.find('\0') != std::string::npos)
                throw Failure("it is no JSON");
            body = json::storable(fetched.body);
            answer = text_object({{"cacheControl", fetched.cache_control},
                                  {"expires", fetched.expires},
                                  {"date", fetched.date},
                                  {"age", fetched.age},
                                  {"isSecond", is_second ? "true" : "false"}});
        } catch (const Failure &failure) {
            answer = text_object({{"error", failure.what()}});
        }
        db::Result end = ask(end_fetch, {std::string(fetch.text(0, 1)), body, answer});
        if (end.text(0, 0) != "elsewhere" || is_second)
            return end;
        url = end.text(0, 1);
    }
}

KeyFetcher::KeyFetcher(db::Pool &pool, FetchRules rules, std::ostream &err)
    : pool_(pool), fetcher_(std::move(rules)), err_(err), thread_([this] { run(); }) {}

KeyFetcher::~KeyFetcher() {
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        stopping_ = true;
    }
    fetcher_.stop();
    pool_.cancel_all();
    changed_.notify_all();
    thread_.join();
}

void KeyFetcher::run() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (!stopping_) {
        lock.unlock();
        bool may_be_more = false;
        try {
            may_be_more = fetch_next();
            tell({}, {});
        } catch (const db::Unavailable &) { // the pool tells
        } catch (const std::exception &error) {
            tell({}, error.what());
        }
        lock.lock();
        if (!may_be_more)
            changed_.wait_for(lock, between_questions, [this] { return stopping_; });
    }
}

bool KeyFetcher::fetch_next() {
    const db::Result fetch = pool_.run(next_fetch);
    if (!is_due(fetch))
        return false;
    const db::Result end = carry_keys(
        fetcher_,
        [this](const db::Statement &statement, const std::vector<db::Param> &parameters) {
            return pool_.run(statement, parameters);
        },
        fetch);
    tell(std::string(fetch.text(0, 0)), std::string(end.text(0, 2)));
    return true;
}

// What changed since the last time; of the database's own trouble with an issuer of "".
void KeyFetcher::tell(const std::string &issuer, const std::string &problem) {
    if (told_[issuer] == problem)
        return;
    told_[issuer] = problem;
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!problem.empty() && !stopping_)
        print_error(err_,
                    issuer.empty()
                        ? "warning: the keys of trusted issuers are not looked after"
                        : "warning: cannot get the keys of issuer " + for_terminal(issuer),
                    problem);
}

} // namespace pg_principal::issuers
