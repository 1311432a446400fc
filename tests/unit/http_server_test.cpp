// The server in this process with cpp-httplib's client: both of it are under the sanitizers where
// they are ours.
#include "base/failure.hpp"
#include "http/server.hpp"

#include <csignal>
#include <filesystem>

#include <unistd.h>

#include <gtest/gtest.h>
#include <httplib.h>

namespace pg_principal::http {
namespace {

Route quick(const char *method, const char *pattern, Handler handler) {
    Route route;
    route.method = method;
    route.pattern = pattern;
    route.handler = std::move(handler);
    return route;
}

RouteTable demo_routes() {
    RouteTable routes;
    routes.add(quick("GET", "/hello", [](const Request &) { return Response::text(200, "hello"); }))
        .add(quick(
            "POST", "/echo",
            [](const Request &request) { return Response::text(200, std::string(request.body)); }))
        .add(quick("GET", "/big", [](const Request &) {
            return Response::text(200, std::string(5'000'000, 'x'));
        }));
    Route slow = quick("GET", "/slow", [](const Request &) {
        std::this_thread::sleep_for(milliseconds(20));
        return Response::text(200, "slow");
    });
    routes.add(slow);
    return routes;
}

class HttpServer : public testing::Test {
  protected:
    void start(ServerOptions options = {}) {
        options.listen = {{"127.0.0.1", "0"}};
        options.limits.idle_time = milliseconds(1000);
        server_ = std::make_unique<Server>(options, dispatcher_);
        port_ = server_->ports().at(0);
        thread_ = std::thread([this] { server_->run(); });
    }
    void TearDown() override {
        server_->stop();
        thread_.join();
    }
    httplib::Client client() {
        httplib::Client made("127.0.0.1", port_);
        made.set_keep_alive(true);
        made.set_tcp_nodelay(true);
        return made;
    }

    LineLog log_{""};
    Dispatcher dispatcher_{demo_routes(), {}, log_};
    std::unique_ptr<Server> server_;
    std::thread thread_;
    int port_ = 0;
};

TEST_F(HttpServer, ManyThreadsManyRequests) {
    ServerOptions options;
    start(options);
    std::atomic<int> good{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 16; ++i)
        threads.emplace_back([&, i] {
            httplib::Client one = client();
            for (int round = 0; round < 40; ++round) {
                const std::string body(static_cast<std::size_t>(round) * 1000, 'b');
                const auto got = round % 8 == 7 ? one.Get("/slow")
                                 : i % 2        ? one.Post("/echo", body, "text/plain")
                                                : one.Get("/hello");
                const std::string wanted = round % 8 == 7 ? "slow" : i % 2 ? body : "hello";
                good += got && got->status == 200 && got->body == wanted;
            }
        });
    for (std::thread &thread : threads)
        thread.join();
    EXPECT_EQ(good, 16 * 40);
}

TEST_F(HttpServer, LargeAnswersAndKeptConnections) {
    start();
    httplib::Client one = client();
    for (int i = 0; i < 5; ++i) {
        const auto got = one.Get("/big");
        ASSERT_TRUE(got);
        EXPECT_EQ(got->body.size(), 5'000'000u);
    }
    const auto head = one.Head("/hello");
    ASSERT_TRUE(head);
    EXPECT_EQ(head->get_header_value("Content-Length"), "5");
    EXPECT_EQ(one.Get("/nothing")->status, 404);
    EXPECT_EQ(one.Put("/hello", "", "text/plain")->status, 405);
}

TEST_F(HttpServer, ChunkedUploads) {
    start();
    httplib::Client one = client();
    const auto got = one.Post(
        "/echo",
        [](std::size_t offset, httplib::DataSink &sink) {
            if (offset < 30'000)
                sink.write("0123456789", 10);
            else
                sink.done();
            return true;
        },
        "text/plain");
    ASSERT_TRUE(got);
    EXPECT_EQ(got->body.size(), 30'000u);
}

// A signal, as a debugger or a profiler sends it, is no end of anybody's time.
TEST_F(HttpServer, SignalsWhileARequestComes) {
    start();
    struct sigaction action {};
    action.sa_handler = [](int) {};
    sigaction(SIGUSR1, &action, nullptr); // without SA_RESTART
    httplib::Client one = client();
    std::atomic<bool> done{false};
    std::thread signals([&] {
        while (!done) {
            for (const auto &entry : std::filesystem::directory_iterator("/proc/self/task"))
                if (const int id = std::stoi(entry.path().filename()); id != gettid())
                    tgkill(getpid(), id, SIGUSR1);
            std::this_thread::sleep_for(milliseconds(20));
        }
    });
    const auto got = one.Post(
        "/echo", 10,
        [](std::size_t, std::size_t, httplib::DataSink &sink) {
            std::this_thread::sleep_for(milliseconds(50));
            return sink.write("x", 1);
        },
        "text/plain");
    done = true;
    signals.join();
    ASSERT_TRUE(got);
    EXPECT_EQ(got->body, "xxxxxxxxxx");
}

TEST_F(HttpServer, ASecondServerIsRefused) {
    start();
    ServerOptions options;
    options.listen = {{"127.0.0.1", std::to_string(port_)}};
    EXPECT_THROW(Server(options, dispatcher_), Failure);
    EXPECT_TRUE(client().Get("/hello"));
}

TEST_F(HttpServer, ConnectionsThatComeAndGo) {
    ServerOptions options;
    options.limits.connections = 4; // fewer than there are clients
    start(options);
    std::vector<std::thread> threads;
    std::atomic<int> good{0};
    for (int i = 0; i < 8; ++i)
        threads.emplace_back([&] {
            for (int round = 0; round < 100; ++round) {
                httplib::Client one("127.0.0.1", port_);
                const auto got = one.Get("/hello");
                good += got && got->status == 200;
            }
        });
    for (std::thread &thread : threads)
        thread.join();
    EXPECT_EQ(good, 800);
}

} // namespace
} // namespace pg_principal::http
