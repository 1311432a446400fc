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
    bool styles = false;   // bold headings on out
    bool progress = false; // a line on err that is written again and again
};

struct Session;

// As the database writes it; "" for null.
std::string text_of(const Json &value);
void print_json(std::ostream &out, const Json &value);
// As --output says: an object of texts, or the text.
void print_told(const Session &session,
                const std::vector<std::pair<const char *, std::string_view>> &members,
                const std::string &text);
// "revoked 0c6f...", or an object of the two.
void print_done(const Session &session, const char *done, const std::string &what);

// How a list is printed: the columns of its table, headings that say with their own words which
// column they are of, or with its name behind them: "STATE, NEXT EXPIRY, CREATED created_at". A
// row's JSON object has all columns but those that are named as a heading is.
struct Listing {
    const char *table;
    const char *nothing = nullptr; // instead of a table without rows
};

// A member for each column: created_at is createdAt. Whole numbers and what has the type json go in
// as they are.
Json object_of(const db::Result &rows, int row = 0);
Json list_of(const db::Result &rows);
// Columns as wide as their content, heading in bold on a terminal.
void print_table(const Streams &streams, const db::Result &rows, const Listing &listing);
// As --output says: json or text.
void print_rows(const Session &session, const db::Result &rows, const Listing &listing);
// The first row as --output says: an object, the column that is the token alone, or the text, in
// which {expires_at} is that column.
void print_row(const Session &session, const db::Result &rows, const std::string &text,
               const char *token = "");

} // namespace pg_principal::cli
