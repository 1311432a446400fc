// What the server's requests per second are compared with: cpp-httplib tuned as well as it can be
// (TCP_NODELAY, a thread per connection, no limit of requests), one prepared SELECT over a pool.
// Usage: bare_httplib PORT POOL_SIZE THREADS
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
    explicit BarePool(int size) {
        for (int i = 0; i < size; ++i) {
            PGconn *connection = PQconnectdb("");
            if (PQstatus(connection) != CONNECTION_OK) {
                std::fprintf(stderr, "%s", PQerrorMessage(connection));
                std::exit(1);
            }
            PQclear(PQprepare(connection, "q", "SELECT $1::int * 2 AS twice", 0, nullptr));
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
    if (argc != 4)
        return 2;
    BarePool pool(std::atoi(argv[2]));
    const auto threads = static_cast<std::size_t>(std::atoi(argv[3]));
    httplib::Server server;
    server.new_task_queue = [threads] { return new httplib::ThreadPool(threads); };
    server.set_tcp_nodelay(true);
    server.set_keep_alive_max_count(1u << 30);
    server.Get("/hello", [](const httplib::Request &, httplib::Response &response) {
        response.set_content("hello\n", "text/plain; charset=utf-8");
    });
    server.Get("/select", [&](const httplib::Request &, httplib::Response &response) {
        PGconn *connection = pool.take();
        const char *values[] = {"21"};
        PGresult *result = PQexecPrepared(connection, "q", 1, values, nullptr, nullptr, 0);
        pool.give_back(connection);
        response.set_content(PQgetvalue(result, 0, 0), "text/plain; charset=utf-8");
        PQclear(result);
    });
    return server.listen("127.0.0.1", std::atoi(argv[1])) ? 0 : 1;
}
