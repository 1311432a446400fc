// The groups of Supabase Auth's routes, each in a file of its own.
#pragma once

#include <functional>
#include <string>

#include "api/routes.hpp"
#include "supabase/call.hpp"

namespace pg_principal::supabase {

// Adds routes below a prefix.
struct Routes {
    using Act = std::function<http::Response(const api::Backend &, const http::Request &)>;

    http::RouteTable &table;
    std::string prefix;
    bool key_required;
    api::SharedBackend backend;

    // Who may call without a key where one is required: as at Supabase's gateway the pages that a
    // browser is sent to and where the keys are, and what says that this process is up.
    enum class Key { required, open };

    // A route that is not for anybody is refused without a token or key, before its body is read.
    // Where the act does not ask the database, whether the key is one is asked by itself.
    http::Route route(const api::Row &row, Act act, Key key = Key::required,
                      bool act_asks = true) const;
    void add(http::Route route) { table.add(std::move(route)); }
    void add(const api::Row &row, Key key = Key::required) {
        add(route(row, row.act.function, key));
    }
};

void add_session_routes(Routes &routes);
void add_admin_routes(Routes &routes);
void add_refused_routes(Routes &routes);
void add_status_routes(Routes &routes);
void add_discovery_routes(Routes &routes);

} // namespace pg_principal::supabase
