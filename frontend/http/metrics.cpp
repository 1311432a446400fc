#include "http/metrics.hpp"

#include <algorithm>
#include <cstdio>

#include "http/routes.hpp"

namespace pg_principal::http {

namespace {

constexpr auto relaxed = std::memory_order_relaxed;

std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.10g", value);
    return text;
}

} // namespace

std::string metric_head(std::string_view name, std::string_view help, std::string_view type) {
    const std::string known(name);
    return ("# HELP " + known + ' ').append(help) + "\n# TYPE " + known + ' ' + std::string(type) +
           '\n';
}

std::string label_value(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\')
            out += '\\';
        out += c == '\n' ? std::string("\\n") : std::string(1, c);
    }
    return out += '"';
}

Metrics::Metrics(const RouteTable &routes) {
    for (const Route &route : routes.routes()) {
        series_.push_back(std::make_unique<Series>());
        series_.back()->labels =
            "method=" + label_value(route.method) + ",route=" + label_value(route.pattern);
    }
    series_.push_back(std::make_unique<Series>());
    series_.back()->labels = "method=\"\",route=\"\"";
}

void Metrics::observe(std::size_t route, int status, double seconds) noexcept {
    Series &series = *series_[std::min(route, series_.size() - 1)];
    if (status >= lowest && status < lowest + statuses)
        series.by_status[static_cast<std::size_t>(status - lowest)].fetch_add(1, relaxed);
    const auto bucket = std::lower_bound(bounds.begin(), bounds.end(), seconds) - bounds.begin();
    series.by_time[static_cast<std::size_t>(bucket)].fetch_add(1, relaxed);
    series.nanoseconds.fetch_add(static_cast<std::uint64_t>(std::max(seconds, 0.0) * 1e9), relaxed);
}

void Metrics::add(const char *type, std::string name, std::string help,
                  std::function<double()> read) {
    readings_.push_back({std::move(name), std::move(help), type, std::move(read)});
}

void Metrics::append_requests(std::string &out) const {
    const std::string name = "pg_principal_http_requests_total";
    out += metric_head(name, "Requests answered.", "counter");
    for (const auto &series : series_)
        for (int i = 0; i < statuses; ++i)
            if (const auto count = series->by_status[static_cast<std::size_t>(i)].load(relaxed))
                out += name + '{' + series->labels + ",status=\"" + std::to_string(lowest + i) +
                       "\"} " + std::to_string(count) + '\n';
}

void Metrics::append_durations(std::string &out) const {
    const std::string name = "pg_principal_http_request_duration_seconds";
    out +=
        metric_head(name, "Time from a request's last byte to its response's first.", "histogram");
    for (const auto &series : series_) {
        std::uint64_t sum = 0;
        std::string lines;
        for (std::size_t i = 0; i <= bounds.size(); ++i) {
            sum += series->by_time[i].load(relaxed);
            lines += name + "_bucket{" + series->labels + ",le=\"" +
                     (i < bounds.size() ? number(bounds[i]) : "+Inf") + "\"} " +
                     std::to_string(sum) + '\n';
        }
        if (sum == 0)
            continue;
        const double seconds = static_cast<double>(series->nanoseconds.load(relaxed)) / 1e9;
        out += lines + name + "_sum{" + series->labels + "} " + number(seconds) + '\n' + name +
               "_count{" + series->labels + "} " + std::to_string(sum) + '\n';
    }
}

std::string Metrics::text() const {
    std::string out;
    append_requests(out);
    append_durations(out);
    for (const Reading &reading : readings_) {
        out += metric_head(reading.name, reading.help, reading.type);
        out += reading.name + ' ' + number(reading.read()) + '\n';
    }
    return out;
}

} // namespace pg_principal::http
