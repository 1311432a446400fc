#include "cli/output.hpp"

#include <algorithm>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "core/base/text.hpp"
#include "core/base/utf8.hpp"

namespace pg_principal::cli {

namespace {

std::size_t characters(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    }));
}

Json object_of(const db::Result &rows, int row, const std::vector<const char *> &members) {
    Json object;
    for (std::size_t i = 0; i < members.size(); ++i) {
        const auto value = rows.maybe(row, static_cast<int>(i));
        Json &member = object[members[i]];
        const bool is_json = rows.is_json(static_cast<int>(i));
        if (value && is_json)
            member = Json::parse(*value, nullptr, false);
        if (value && (!is_json || member.is_discarded()))
            member = *value; // also a number that is too large for a machine
    }
    return object;
}

} // namespace

std::string text_of(const Json &value) {
    return value.is_null()      ? ""
           : value.is_string()  ? value.get<std::string>()
           : value.is_boolean() ? (value.get<bool>() ? "t" : "f")
                                : value.dump();
}

void print_json(std::ostream &out, const Json &value) {
    // JSON leaves DEL and the controls of U+0080 to U+009F as they are; a terminal obeys some.
    const std::string text = value.dump(2, ' ', false, Json::error_handler_t::replace);
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t start = at;
        const std::optional<char32_t> c = next_character(text, at);
        if (c && (*c < 0x7f || *c >= 0xa0)) {
            out << text.substr(start, at - start);
        } else {
            char escape[16];
            std::snprintf(escape, sizeof escape, "\\u%04x",
                          static_cast<unsigned>(c.value_or(0xfffd)));
            out << escape;
            at = std::max(at, start + 1);
        }
    }
    out << '\n';
}

void print_object(std::ostream &out,
                  const std::vector<std::pair<const char *, std::string_view>> &members) {
    Json object;
    for (const auto &[name, value] : members)
        object[name] = value;
    print_json(out, object);
}

Json list_of(const db::Result &rows, const std::vector<const char *> &members) {
    Json list = Json::array();
    for (int row = 0; row < rows.rows(); ++row)
        list.push_back(object_of(rows, row, members));
    return list;
}

void print_first(std::ostream &out, const db::Result &rows,
                 const std::vector<const char *> &members) {
    print_json(out, object_of(rows, 0, members));
}

void print_table(const Streams &streams, const db::Result &rows, const Listing &listing) {
    if (rows.rows() == 0 && listing.nothing) {
        streams.out << listing.nothing << '\n';
        return;
    }
    std::vector<std::vector<std::string>> lines(1);
    for (const Listing::Heading &column : listing.table)
        lines[0].emplace_back(column.text);
    for (int row = 0; row < rows.rows(); ++row) {
        std::vector<std::string> &cells = lines.emplace_back();
        for (const Listing::Heading &column : listing.table) {
            const std::string_view value = rows.text(row, column.column);
            cells.push_back(value.empty() ? "-" : printable(value));
        }
    }
    std::vector<std::size_t> widths(listing.table.size());
    for (const auto &cells : lines)
        for (std::size_t i = 0; i < cells.size(); ++i)
            widths[i] = std::max(widths[i], characters(cells[i]));
    for (const auto &cells : lines) {
        std::string line;
        for (std::size_t i = 0; i < cells.size(); ++i) {
            line += cells[i];
            if (i + 1 < cells.size())
                line.append(widths[i] - characters(cells[i]) + 2, ' ');
        }
        const bool bold = &cells == &lines[0] && streams.out_is_terminal;
        streams.out << (bold ? "\033[1m" + line + "\033[0m" : line) << '\n';
    }
}

void print_rows(const Streams &streams, const std::string &output, const db::Result &rows,
                const Listing &listing) {
    if (output == "json")
        print_json(streams.out, list_of(rows, listing.members));
    else
        print_table(streams, rows, listing);
}

std::string utc_time_sql(std::string_view expression) {
    return "pg_catalog.to_char(pg_catalog.timezone('UTC', " + std::string(expression) +
           "), 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')";
}

} // namespace pg_principal::cli
