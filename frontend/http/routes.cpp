#include "http/routes.hpp"

#include <algorithm>
#include <stdexcept>

namespace pg_principal::http {

namespace {

constexpr std::string_view methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};

// "/a/b" is "a", then "b"; the rest keeps its leading slash.
std::string_view take_segment(std::string_view &rest) {
    rest.remove_prefix(1);
    const std::string_view segment = rest.substr(0, rest.find('/'));
    rest.remove_prefix(segment.size());
    return segment;
}

bool is_parameter(std::string_view segment) { return !segment.empty() && segment[0] == ':'; }

// A parameter is the same under any name, and sorted behind everything that is spelt out.
std::string shape_of(std::string_view pattern) {
    std::string shape;
    while (!pattern.empty()) {
        const std::string_view segment = take_segment(pattern);
        shape.append("/").append(is_parameter(segment) ? "\x7f" : segment);
    }
    return shape;
}

// Whether it is a path of the pattern, and the values of its parameters then, as sent.
bool fits(std::string_view path, std::string_view pattern, std::vector<std::string_view> &values) {
    values.clear();
    while (!path.empty() && !pattern.empty()) {
        const std::string_view segment = take_segment(path), wanted = take_segment(pattern);
        if (is_parameter(wanted) && !segment.empty())
            values.push_back(segment);
        else if (is_parameter(wanted) || segment != wanted)
            return false;
    }
    return path.empty() && pattern.empty();
}

void check(const Route &route) {
    const std::string &pattern = route.pattern;
    const std::vector<std::string_view> names = pattern.empty() || pattern[0] != '/'
                                                    ? std::vector<std::string_view>{""}
                                                    : parameter_names(pattern);
    const bool known =
        std::find(std::begin(methods), std::end(methods), route.method) != std::end(methods);
    if (!known || !route.handler || std::count(names.begin(), names.end(), "") > 0)
        throw std::logic_error("malformed route " + route.method + ' ' + pattern);
}

} // namespace

const char *caller_name(Caller caller) noexcept {
    constexpr const char *names[] = {"anybody", "signed_in", "auditor", "admin"};
    return names[static_cast<std::size_t>(caller)];
}

std::vector<std::string_view> parameter_names(std::string_view pattern) {
    std::vector<std::string_view> names;
    for (std::string_view rest = pattern; !rest.empty();) {
        const std::string_view segment = take_segment(rest);
        if (is_parameter(segment))
            names.push_back(segment.substr(1));
    }
    return names;
}

RouteTable &RouteTable::add(Route route) {
    check(route);
    std::vector<std::size_t> &same = shapes_[shape_of(route.pattern)];
    for (const std::size_t i : same)
        if (routes_[i].method == route.method)
            throw std::logic_error("second route " + route.method + ' ' + route.pattern);
    same.push_back(routes_.size());
    routes_.push_back(std::move(route));
    return *this;
}

RouteTable::Match RouteTable::find(std::string_view method, std::string_view path) const {
    Match match;
    std::vector<std::string_view> values;
    auto best = shapes_.find(path); // most paths have no parameter, and are the shape
    if (best == shapes_.end() && path.substr(0, 1) == "/")
        best = std::find_if(shapes_.begin(), shapes_.end(), [&](const auto &shape) {
            return fits(path, routes_[shape.second.front()].pattern, values);
        });
    if (best == shapes_.end())
        return match;
    bool has_get = false;
    for (const std::size_t i : best->second) {
        const Route &route = routes_[i];
        has_get = has_get || route.method == "GET";
        match.allow += (match.allow.empty() ? "" : ", ") + route.method;
        if (route.method == method || (route.method == "GET" && method == "HEAD"))
            match.route = &routes_[match.index = i];
    }
    if (!match.route) {
        match.allow += has_get ? ", HEAD, OPTIONS" : ", OPTIONS";
        return match;
    }
    match.allow.clear();
    fits(path, match.route->pattern, values);
    const std::vector<std::string_view> names = parameter_names(match.route->pattern);
    for (std::size_t i = 0; i < values.size(); ++i) {
        std::optional<std::string> value = percent_decode(values[i]);
        match.malformed = match.malformed || !value || value->empty();
        match.params.push_back({names[i], value ? std::move(*value) : std::string()});
    }
    return match;
}

} // namespace pg_principal::http
