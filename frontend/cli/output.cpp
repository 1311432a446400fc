#include "cli/output.hpp"

#include <algorithm>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "cli/session.hpp"
#include "core/base/text.hpp"
#include "core/base/utf8.hpp"

namespace pg_principal::cli {

namespace {

std::size_t characters(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    }));
}

// created_at is createdAt.
std::string member_of(std::string_view column) {
    std::string member;
    bool begins_word = false;
    for (const char c : column) {
        if (c != '_')
            member += begins_word ? static_cast<char>(c - 'a' + 'A') : c;
        begins_word = c == '_';
    }
    return member;
}

bool is_heading(std::string_view column) { return column[0] >= 'A' && column[0] <= 'Z'; }

struct Column {
    std::string_view heading;
    int index;
};

std::vector<Column> columns_of(const char *table, const db::Result &rows) {
    std::vector<Column> columns;
    for (const std::string_view part : split(table, ',')) {
        const std::string_view text = trimmed(part);
        const std::size_t space = std::min(text.rfind(' '), text.size());
        const bool is_told = space < text.size() && !is_heading(text.substr(space + 1));
        const std::string_view heading = is_told ? text.substr(0, space) : text;
        std::string name(is_told ? text.substr(space + 1) : heading);
        if (rows.find(name) < 0) {
            name = lower_ascii(name);
            std::replace(name.begin(), name.end(), ' ', '_');
        }
        columns.push_back({heading, rows.column(name)});
    }
    return columns;
}

// A list is its elements, one behind the other.
std::string cell_of(const db::Result &rows, int row, int column) {
    const std::string_view value = rows.text(row, column);
    if (value.empty())
        return "-";
    if (value.front() != '[' || !rows.is_json(column))
        return for_terminal(value);
    std::string cell;
    for (const Json &element : Json::parse(value))
        cell += (cell.empty() ? "" : " ") + for_terminal(text_of(element));
    return cell.empty() ? "-" : cell;
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

void print_told(const Session &session,
                const std::vector<std::pair<const char *, std::string_view>> &members,
                const std::string &text) {
    if (!session.wants("json")) {
        session.streams.out << text;
        return;
    }
    Json object;
    for (const auto &[name, value] : members)
        object[name] = value;
    print_json(session.streams.out, object);
}

void print_done(const Session &session, const char *done, const std::string &what) {
    print_told(session, {{done, what}}, std::string(done) + ' ' + for_terminal(what) + '\n');
}

Json object_of(const db::Result &rows, int row) {
    Json object;
    for (int column = 0; column < rows.columns(); ++column) {
        if (is_heading(rows.name(column)))
            continue;
        const auto value = rows.maybe(row, column);
        Json &member = object[member_of(rows.name(column))];
        if (value && rows.is_json(column))
            member = Json::parse(*value, nullptr, false);
        if (value && (!rows.is_json(column) || member.is_discarded()))
            member = *value; // also a number that is too large for a machine
    }
    return object;
}

Json list_of(const db::Result &rows) {
    Json list = Json::array();
    for (int row = 0; row < rows.rows(); ++row)
        list.push_back(object_of(rows, row));
    return list;
}

void print_table(const Streams &streams, const db::Result &rows, const Listing &listing) {
    if (rows.rows() == 0 && listing.nothing) {
        streams.out << listing.nothing << '\n';
        return;
    }
    const std::vector<Column> columns = columns_of(listing.table, rows);
    std::vector<std::vector<std::string>> lines(1);
    for (const Column &column : columns)
        lines[0].emplace_back(column.heading);
    for (int row = 0; row < rows.rows(); ++row) {
        std::vector<std::string> &cells = lines.emplace_back();
        for (const Column &column : columns)
            cells.push_back(cell_of(rows, row, column.index));
    }
    std::vector<std::size_t> widths(columns.size());
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
        const bool bold = &cells == &lines[0] && streams.styles;
        streams.out << (bold ? "\033[1m" + line + "\033[0m" : line) << '\n';
    }
}

void print_rows(const Session &session, const db::Result &rows, const Listing &listing) {
    if (session.wants("json"))
        print_json(session.streams.out, list_of(rows));
    else
        print_table(session.streams, rows, listing);
}

void print_row(const Session &session, const db::Result &rows, const std::string &text,
               const char *token) {
    std::ostream &out = session.streams.out;
    if (session.wants("json"))
        return print_json(out, object_of(rows));
    if (session.wants("token")) {
        out << rows.text(token) << '\n';
        return;
    }
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t brace = std::min(text.find('{', at), text.size()),
                          end = std::min(text.find('}', brace), text.size());
        out << text.substr(at, brace - at);
        if (brace < text.size())
            out << for_terminal(rows.text(text.substr(brace + 1, end - brace - 1)));
        at = end + 1;
    }
}

} // namespace pg_principal::cli
