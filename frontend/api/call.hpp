// How a route asks the database, and what it answers when there is nothing to ask.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/principals/profile.hpp"
#include "db/pool.hpp"
#include "http/routes.hpp"

namespace pg_principal::api {

using namespace db;

// On whose behalf: nobody's in particular, or that of whoever the token belongs to, which is bound
// first. A call for callers about themselves, and of strangers, waits a tenth of a second for each
// lock, unless the role has a lock_timeout of its own: what somebody holds in a transaction of
// their own is no reason to hold a connection that others wait for. What an administrator does, by
// `caller`, waits: it knows what to do about who is in its way.
enum class By { stranger, self, caller };

// What the statements of a dialect have besides: columns, where the token is, and what must have a
// row.
struct Dialect {
    const char *columns, *token, *source;
};
inline constexpr Dialect plain{"", "$1", ""};

// One call of an SQL function. Columns: status, payload, the dialect's own, and why the token is
// dead; nothing is called then.
std::string sql_of(By by, const std::string &call, const Dialect &dialect = plain);

using http::Answer;

// The database is of an encoding that has no such character.
inline constexpr std::string_view untranslatable = "22P05";
inline constexpr const char *untranslatable_text =
    "The database's encoding lacks a character of this request";

// A trigger or a constraint of the application's has refused what our function did.
bool is_of_application(const db::DbError &error);
inline constexpr const char *application_refused =
    "Refused by a trigger or constraint of the application's";

// What no caller can mend: 503 where a later try may do, otherwise the error itself.
[[noreturn]] void throw_other(const db::DbError &error);

http::Response message(int status, std::string_view text);
// 400 that names every bad field.
http::Response refused_fields(std::string_view text, const std::vector<ProfileProblem> &problems);
http::Response authentication_required(const http::Request &request);

// The principal a token says it is of, which is enough to tell who asks for how much; 0 when it
// says nothing of that.
db::Owner owner_of(std::string_view token);
// How many statements this thread has asked for: whether a refusal came before them.
std::uint64_t statements_asked() noexcept;

// Seconds to ask for; 0 leaves it to the database's settings, which are also the ceiling.
struct Lifetimes {
    unsigned access_token = 0, refresh_token = 0;
};

// How every dialect asks; the pool must outlive it.
class Backend {
  public:
    Backend(db::Pool &pool, const Lifetimes &lifetimes) : pool_(pool), lifetimes_(lifetimes) {}

    // The statement's parameters are the token and then these.
    http::Response as_caller(const http::Request &request, const db::Statement &statement,
                             std::vector<db::Param> parameters = {}) const;
    // They are these and then the context.
    http::Response as_stranger(const http::Request &request, const db::Statement &statement,
                               std::vector<db::Param> parameters) const;
    // Once more after a serialization failure or a deadlock. Throws DbError and Unavailable.
    db::Result ask(const db::Statement &statement, const std::vector<db::Param> &parameters = {},
                   db::Owner owner = 0) const;
    // The same with the context as the last parameter, made when there is a connection for it.
    db::Result ask_in_context(const http::Request &request, const db::Statement &statement,
                              std::vector<db::Param> parameters) const;
    // Who asks from where, for the audit, how long tokens are asked to live, and how long the
    // request has waited: a JSON object.
    std::string context(const http::Request &request) const;
    // Where clients learn who issues tokens for /api (RFC 9728, section 5.1), as the database said
    // within the last minute; "" when it is no URL or cannot be asked.
    std::string resource_metadata() const;

  private:
    db::Pool &pool_;
    Lifetimes lifetimes_;
    mutable std::mutex metadata_mutex_;
    mutable std::string metadata_url_;
    mutable Clock::time_point metadata_until_ = {};
};
using SharedBackend = std::shared_ptr<const Backend>;

} // namespace pg_principal::api
