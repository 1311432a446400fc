// What a verb prints: results on one stream, errors on the other.
#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_tree.hpp"
#include "base/terminal.hpp"

namespace pg_principal::cli {

struct Streams {
    std::istream &in;
    std::ostream &out;
    std::ostream &err;
    bool out_is_terminal = false; // colour
    bool err_is_terminal = false; // progress
};

void print_json(std::ostream &out, const Json &value);

// Columns as wide as their content, heading in bold on a terminal.
class Table {
  public:
    explicit Table(std::vector<std::string> heading) : heading_(std::move(heading)) {}
    void add(std::vector<std::optional<std::string>> row);
    void print(const Streams &streams) const;

  private:
    std::vector<std::string> heading_;
    std::vector<std::vector<std::string>> rows_;
};

// The SQL for a timestamp as ISO 8601 in UTC; the expression is ours, never a user's.
std::string utc_time_sql(std::string_view expression);

} // namespace pg_principal::cli
