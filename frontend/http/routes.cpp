#include "http/routes.hpp"

#include <algorithm>
#include <map>
#include <stdexcept>

namespace pg_principal::http {

struct RouteTable::Node {
    std::map<std::string, std::unique_ptr<Node>, std::less<>> children;
    std::unique_ptr<Node> parameter;
    std::vector<std::size_t> routes; // that end here, one a method
};

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

std::vector<std::string_view> parameter_names(std::string_view pattern) {
    std::vector<std::string_view> names;
    for (std::string_view rest = pattern; !rest.empty();) {
        const std::string_view segment = take_segment(rest);
        if (is_parameter(segment))
            names.push_back(segment.substr(1));
    }
    return names;
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
    switch (caller) {
    case Caller::anybody:
        return "anybody";
    case Caller::api_key:
        return "api_key";
    case Caller::signed_in:
        return "signed_in";
    case Caller::auditor:
        return "auditor";
    case Caller::admin:
        return "admin";
    case Caller::service_role:
        return "service_role";
    }
    return "";
}

RouteTable::RouteTable() : root_(std::make_unique<Node>()) {}
RouteTable::~RouteTable() = default;
RouteTable::RouteTable(RouteTable &&) noexcept = default;

RouteTable &RouteTable::add(Route route) {
    check(route);
    Node *node = root_.get();
    for (std::string_view rest = route.pattern; !rest.empty();) {
        const std::string_view segment = take_segment(rest);
        std::unique_ptr<Node> &child =
            is_parameter(segment) ? node->parameter : node->children[std::string(segment)];
        if (!child)
            child = std::make_unique<Node>();
        node = child.get();
    }
    for (const std::size_t other : node->routes)
        if (routes_[other].method == route.method)
            throw std::logic_error("second route " + route.method + ' ' + route.pattern);
    node->routes.push_back(routes_.size());
    routes_.push_back(std::move(route));
    return *this;
}

const RouteTable::Node *RouteTable::descend(const Node &node, std::string_view rest,
                                            std::vector<std::string_view> &values) const {
    if (rest.empty())
        return node.routes.empty() ? nullptr : &node;
    const std::string_view segment = take_segment(rest);
    if (const auto child = node.children.find(segment); child != node.children.end())
        if (const Node *found = descend(*child->second, rest, values))
            return found;
    if (!node.parameter || segment.empty())
        return nullptr;
    values.push_back(segment);
    const Node *found = descend(*node.parameter, rest, values);
    if (!found)
        values.pop_back();
    return found;
}

RouteTable::Match RouteTable::find(std::string_view method, std::string_view path) const {
    Match match;
    std::vector<std::string_view> values;
    const Node *node = path.empty() || path[0] != '/' ? nullptr : descend(*root_, path, values);
    if (!node)
        return match;
    bool has_get = false;
    for (const std::size_t index : node->routes) {
        const Route &route = routes_[index];
        has_get = has_get || route.method == "GET";
        match.allow += (match.allow.empty() ? "" : ", ") + route.method;
        if (route.method == method || (route.method == "GET" && method == "HEAD"))
            match.route = &routes_[match.index = index];
    }
    if (!match.route) {
        match.allow += has_get ? ", HEAD, OPTIONS" : ", OPTIONS";
        return match;
    }
    match.allow.clear();
    if (values.empty())
        return match;
    const std::vector<std::string_view> names = parameter_names(match.route->pattern);
    for (std::size_t i = 0; i < values.size(); ++i) {
        std::optional<std::string> value = percent_decode(values[i]);
        match.malformed = match.malformed || !value || value->empty();
        match.params.push_back({names[i], value ? std::move(*value) : std::string()});
    }
    return match;
}

} // namespace pg_principal::http
