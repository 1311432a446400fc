// The groups of Supabase Auth's routes, each in a file of its own.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "api/routes.hpp"
#include "supabase/call.hpp"

namespace pg_principal::supabase {

// Adds routes below a prefix.
class Routes {
  public:
    using Act = std::function<http::Response(const api::Backend &, const http::Request &)>;

    Routes(http::RouteTable &table, std::string prefix, bool key_required,
           std::shared_ptr<const api::Backend> backend)
        : table_(table), prefix_(std::move(prefix)), key_required_(key_required),
          backend_(std::move(backend)) {}

    // Who may call without a key where one is required: as at Supabase's gateway the pages that a
    // browser is sent to and where the keys are, and what says that this process is up.
    enum class Key { required, open };

    // A route that is not for anybody is refused without a token or key, before its body is read.
    http::Route route(const api::Row &row, Act act, Key key = Key::required) const;
    // The same of one whose act does not ask the database: whether the key is one is asked by
    // itself.
    http::Route route_by_itself(const api::Row &row, Act act, Key key) const;
    void add(http::Route route) { table_.add(std::move(route)); }
    void add(const api::Row &row, Key key = Key::required) {
        add(route(row, row.act.function, key));
    }
    const std::string &prefix() const { return prefix_; }

  private:
    http::RouteTable &table_;
    std::string prefix_;
    bool key_required_;
    std::shared_ptr<const api::Backend> backend_;
};

void add_session_routes(Routes &routes);
void add_admin_routes(Routes &routes);
void add_refused_routes(Routes &routes);
void add_status_routes(Routes &routes);
void add_discovery_routes(Routes &routes);

} // namespace pg_principal::supabase
