// What the server is compared with: cpp-httplib tuned as well as it can be (TCP_NODELAY, a thread
// per connection, no limit of requests) in front of a pool of libpq's connections.
//   /hello          no database
//   /select         one prepared SELECT of a number
//   /same/ROUTE     the very statement of that route of ours, with the bearer token or the refresh
//                   token that the request brings: what lies between is what our HTTP costs
//   /believed/ROUTE one prepared statement of the same data for an id that is believed, and instead
//                   of a refresh one durable UPDATE: what the whole of ours costs
// Usage: bare_httplib PORT POOL_SIZE THREADS [ID]
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <vector>

#include <httplib.h>
#include <libpq-fe.h>

#include "supabase/call.hpp"

using namespace pg_principal;

namespace {

// What a statement's parameters are: of the request, or the same each time.
enum class Given { nothing, id, bearer, body };

struct Way {
    const char *path;
    std::string statement;
    std::vector<Given> first;
    std::vector<const char *> rest;
    int column; // that is the answer
};

const Way ways[] = {
    {"/select", "SELECT $1::int * 2 AS twice", {}, {"21"}, 0},
    {"/same/user",
     api::sql_of(api::By::self, "auth.get_user()", supabase::dialect),
     {Given::nothing, Given::bearer},
     {},
     1},
    {"/same/audits",
     api::sql_of(api::By::self, "auth.audit_feed($2::integer, $3)"),
     {Given::bearer},
     {"20", nullptr},
     1},
    {"/same/keys", "SELECT auth.jwks()", {}, {}, 0},
    {"/same/refresh",
     api::sql_of(api::By::stranger, "auth.refresh($1, $2::jsonb)"),
     {Given::body},
     {"{\"ip\":\"127.0.0.1\",\"waitedMs\":0}"},
     1},
    {"/believed/user",
     "SELECT to_jsonb(u) - 'encrypted_password' FROM auth.users u WHERE u.id = $1::uuid",
     {Given::id},
     {},
     0},
    {"/believed/audits",
     "SELECT jsonb_agg(to_jsonb(l) ORDER BY l.seq DESC) FROM (SELECT o.*, a.first_name, a.last_name"
     " FROM auth.audit_log o LEFT JOIN auth.users a ON a.id = o.actor_id WHERE o.user_id = $1::uuid"
     " ORDER BY o.seq DESC LIMIT 20) AS l",
     {Given::id},
     {},
     0},
    {"/believed/keys",
     "SELECT jsonb_agg(k.public_jwk) FROM auth.signing_keys k WHERE k.state <> 'revoked'",
     {},
     {},
     0},
    {"/believed/refresh",
     "UPDATE bench_bare SET hash = sha256($1::bytea), at = clock_timestamp()"
     " WHERE id = 1 + mod(pg_backend_pid(), 64) RETURNING hash",
     {Given::body},
     {},
     0}};

class BarePool {
  public:
    explicit BarePool(int size) {
        for (int i = 0; i < size; ++i) {
            PGconn *connection = PQconnectdb("");
            if (PQstatus(connection) != CONNECTION_OK) {
                std::fprintf(stderr, "%s", PQerrorMessage(connection));
                std::exit(1);
            }
            for (const Way &way : ways) // those of a table that is not there are never asked
                PQclear(PQprepare(connection, way.path, way.statement.c_str(), 0, nullptr));
            free_.push_back(connection);
        }
    }
    PGconn *take() {
        std::unique_lock<std::mutex> lock(mutex_);
        idle_.wait(lock, [this] { return !free_.empty(); });
        PGconn *connection = free_.back();
        free_.pop_back();
        return connection;
    }
    void give_back(PGconn *connection) {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            free_.push_back(connection);
        }
        idle_.notify_one();
    }

  private:
    std::mutex mutex_;
    std::condition_variable idle_;
    std::vector<PGconn *> free_;
};

// With a backlog that 256 connections at once fit into; the library's own is 5.
struct Tuned final : httplib::Server {
    bool serve(int port) {
        return bind_to_port("127.0.0.1", port) && ::listen(svr_sock_, SOMAXCONN) == 0 &&
               listen_after_bind();
    }
};

// {"refreshToken":"..."}, as the load has it.
std::string token_of(const std::string &body) {
    const std::size_t end = body.rfind('"'), from = body.rfind('"', end - 1) + 1;
    return body.substr(from, end - from);
}

std::string value_of(Given given, const httplib::Request &request, const std::string &id) {
    if (given == Given::id)
        return id;
    if (given == Given::body)
        return token_of(request.body);
    return request.get_header_value("Authorization").substr(sizeof "Bearer");
}

} // namespace

int main(int argc, char **argv) {
    if (argc < 4)
        return 2;
    BarePool pool(std::atoi(argv[2]));
    const auto threads = static_cast<std::size_t>(std::atoi(argv[3]));
    const std::string id = argc > 4 ? argv[4] : "";
    Tuned server;
    server.new_task_queue = [threads] { return new httplib::ThreadPool(threads); };
    server.set_tcp_nodelay(true);
    server.set_keep_alive_max_count(1u << 30);
    const auto ask = [&](const Way &way, const httplib::Request &request,
                         httplib::Response &response) {
        std::vector<std::string> held;
        for (const Given given : way.first)
            held.push_back(given == Given::nothing ? "" : value_of(given, request, id));
        std::vector<const char *> values;
        for (std::size_t i = 0; i < held.size(); ++i)
            values.push_back(way.first[i] == Given::nothing ? nullptr : held[i].c_str());
        values.insert(values.end(), way.rest.begin(), way.rest.end());
        PGconn *connection = pool.take();
        PGresult *result = PQexecPrepared(connection, way.path, static_cast<int>(values.size()),
                                          values.data(), nullptr, nullptr, 0);
        pool.give_back(connection);
        if (PQntuples(result) == 1)
            response.set_content(PQgetvalue(result, 0, way.column), "application/json");
        else
            response.status = 500;
        PQclear(result);
    };
    // Without the library's regular expressions, which cost more than the rest of it.
    server.set_pre_routing_handler(
        [&](const httplib::Request &request, httplib::Response &response) {
            using Outcome = httplib::Server::HandlerResponse;
            if (request.method != "GET")
                return Outcome::Unhandled;
            if (request.path == "/hello")
                response.set_content("hello\n", "text/plain; charset=utf-8");
            for (const Way &way : ways)
                if (request.path == way.path)
                    ask(way, request, response);
            return Outcome::Handled;
        });
    for (const Way &way : ways)
        if (!way.first.empty() && way.first[0] == Given::body)
            server.Post(way.path,
                        [&](const httplib::Request &request, httplib::Response &response) {
                            ask(way, request, response);
                        });
    return server.serve(std::atoi(argv[1])) ? 0 : 1;
}
