// What the server's requests per second are compared with: cpp-httplib tuned as well as it can be
// (TCP_NODELAY, a thread per connection, no limit of requests), one prepared statement over a pool.
// /hello needs no database, /select asks for a number; further paths come with a statement each, of
// one parameter that the query's `id` gives.
// Usage: bare_httplib PORT POOL_SIZE THREADS [PATH STATEMENT]..
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <vector>

#include <httplib.h>
#include <libpq-fe.h>

namespace {

class BarePool {
  public:
    BarePool(int size, const std::vector<const char *> &statements) {
        for (int i = 0; i < size; ++i) {
            PGconn *connection = PQconnectdb("");
            if (PQstatus(connection) != CONNECTION_OK) {
                std::fprintf(stderr, "%s", PQerrorMessage(connection));
                std::exit(1);
            }
            for (std::size_t q = 0; q < statements.size(); ++q)
                PQclear(
                    PQprepare(connection, std::to_string(q).c_str(), statements[q], 0, nullptr));
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

} // namespace

int main(int argc, char **argv) {
    if (argc < 4 || argc % 2 != 0)
        return 2;
    std::vector<const char *> statements = {"SELECT $1::int * 2 AS twice"};
    for (int i = 5; i < argc; i += 2)
        statements.push_back(argv[i]);
    BarePool pool(std::atoi(argv[2]), statements);
    const auto threads = static_cast<std::size_t>(std::atoi(argv[3]));
    httplib::Server server;
    server.new_task_queue = [threads] { return new httplib::ThreadPool(threads); };
    server.set_tcp_nodelay(true);
    server.set_keep_alive_max_count(1u << 30);
    server.Get("/hello", [](const httplib::Request &, httplib::Response &response) {
        response.set_content("hello\n", "text/plain; charset=utf-8");
    });
    const auto ask = [&](std::size_t statement, const std::string &value,
                         httplib::Response &response) {
        PGconn *connection = pool.take();
        const char *values[] = {value.c_str()};
        PGresult *result = PQexecPrepared(connection, std::to_string(statement).c_str(), 1, values,
                                          nullptr, nullptr, 0);
        pool.give_back(connection);
        if (PQntuples(result) == 1)
            response.set_content(PQgetvalue(result, 0, 0), "application/json");
        else
            response.status = 500;
        PQclear(result);
    };
    server.Get("/select", [&](const httplib::Request &, httplib::Response &response) {
        ask(0, "21", response);
    });
    for (int i = 4; i < argc; i += 2)
        server.Get(argv[i], [&ask, statement = static_cast<std::size_t>(i / 2 - 1)](
                                const httplib::Request &request, httplib::Response &response) {
            ask(statement, request.get_param_value("id"), response);
        });
    return server.listen("127.0.0.1", std::atoi(argv[1])) ? 0 : 1;
}
