// What a verb prints: results on one stream, errors on the other.
#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/terminal.hpp"
#include "db/connection.hpp"

namespace pg_principal::cli {

using Json = nlohmann::ordered_json; // members keep the order in which they were added

struct Streams {
    std::istream &in;
    std::ostream &out;
    std::ostream &err;
    bool out_is_terminal = false; // colour
    bool err_is_terminal = false; // progress
};

// As the database writes it; "" for null.
std::string text_of(const Json &value);
void print_json(std::ostream &out, const Json &value);
// An object of texts.
void print_object(std::ostream &out,
                  const std::vector<std::pair<const char *, std::string_view>> &members);

// How a result is printed: which of its columns are members of a row's JSON object, where whole
// numbers and what has the type json go in as they are, and which stand in the table.
struct Listing {
    struct Heading {
        const char *text;
        int column;
    };
    std::vector<const char *> members; // of the first columns
    std::vector<Heading> table;
    const char *nothing = nullptr; // instead of a table without rows
};

inline Listing::Heading head(const char *text, int column) { return {text, column}; }

// The first row as an object; all of them as a list.
void print_first(std::ostream &out, const db::Result &rows,
                 const std::vector<const char *> &members);
Json list_of(const db::Result &rows, const std::vector<const char *> &members);
// Columns as wide as their content, heading in bold on a terminal.
void print_table(const Streams &streams, const db::Result &rows, const Listing &listing);
// As --output says: json or text.
void print_rows(const Streams &streams, const std::string &output, const db::Result &rows,
                const Listing &listing);

// The SQL for a timestamp as ISO 8601 in UTC; the expression is ours, never a user's.
std::string utc_time_sql(std::string_view expression);

} // namespace pg_principal::cli
