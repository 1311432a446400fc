// Counters, gauges and histograms of this process, as Prometheus reads them (text format 0.0.4).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace pg_principal::http {

class RouteTable;

class Metrics {
  public:
    // One series per route and one for what no route was found for.
    explicit Metrics(const RouteTable &routes);

    static constexpr std::size_t no_route = static_cast<std::size_t>(-1);
    void observe(std::size_t route, int status, double seconds) noexcept;

    // What others count; read when the text is asked for. The name comes with prefix and unit.
    // Of type "gauge" or "counter".
    void add(const char *type, std::string name, std::string help, std::function<double()> read);

    std::string text() const;

  private:
    static constexpr int lowest = 100, statuses = 500;
    static constexpr std::array<double, 14> bounds = {
        0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5};
    struct Series {
        std::string labels; // method="GET",route="/health"
        std::array<std::atomic<std::uint64_t>, statuses> by_status = {};
        std::array<std::atomic<std::uint64_t>, bounds.size() + 1> by_time = {};
        std::atomic<std::uint64_t> nanoseconds = 0;
    };
    struct Reading {
        std::string name, help, type;
        std::function<double()> read;
    };
    void append_requests(std::string &out) const;
    void append_durations(std::string &out) const;

    std::vector<std::unique_ptr<Series>> series_; // the last one is of no route
    std::vector<Reading> readings_;
};

// The lines above a metric's samples.
std::string metric_head(std::string_view name, std::string_view help, std::string_view type);

// A label's value, escaped.
std::string label_value(std::string_view text);

} // namespace pg_principal::http
