#include <algorithm>

#include "core/base/text.hpp"
#include "roster/file.hpp"

namespace pg_principal::cli {

namespace {

struct Record {
    std::size_t line = 0;
    std::size_t count = 0;           // of fields, also of those that were not kept
    std::vector<std::string> fields; // the first of them
    bool stray_quote = false;
    bool empty = true; // every field is
    bool blank = false;
};

// RFC 4180, with LF as well as CRLF, and with the separator that the file has.
class CsvReader {
  public:
    CsvReader(std::string_view text, char separator, std::size_t line)
        : text_(text), separator_(separator), line_(line) {}

    // False at the end of the text.
    bool next(Record &record) {
        if (at_ == text_.size())
            return false;
        record = Record();
        record.line = line_;
        record.blank = at_line_end();
        do
            read_field(record);
        while (take(separator_));
        // what a spreadsheet leaves of a row that somebody emptied
        record.blank |= !record.stray_quote && record.empty;
        if (at_ < text_.size()) {
            at_ += text_[at_] == '\r' ? 2 : 1;
            ++line_;
        }
        return true;
    }

  private:
    bool at_line_end() const {
        return at_ == text_.size() || text_[at_] == '\n' || text_.substr(at_, 2) == "\r\n";
    }

    bool take(char c) {
        if (at_ == text_.size() || text_[at_] != c)
            return false;
        ++at_;
        return true;
    }

    void read_field(Record &record) {
        constexpr std::size_t kept = 64; // no header is that wide; the rest is only counted
        std::string value;
        const bool quoted = take('"');
        if (quoted)
            read_quoted(value);
        for (; !at_line_end() && text_[at_] != separator_; ++at_) {
            // Text after a closing quote, or a quote inside plain text, can be read in two ways.
            record.stray_quote |= quoted || text_[at_] == '"';
            value += text_[at_];
        }
        record.empty &= trim_ascii(value).empty();
        if (record.count++ < kept)
            record.fields.push_back(std::move(value));
    }

    void read_quoted(std::string &value) {
        const std::size_t opened = line_;
        while (at_ < text_.size()) {
            const char c = text_[at_++];
            if (c == '"' && !take('"'))
                return;
            line_ += c == '\n';
            value += c;
        }
        throw RosterFileError(opened, "a quoted field is never closed");
    }

    std::string_view text_;
    char separator_;
    std::size_t at_ = 0, line_;
};

constexpr char separators[] = {',', ';', '\t'};

struct Sheet {
    std::string_view text;
    std::size_t line = 1;
    char separator = 0; // 0: not told yet
};

// Excel's `sep=;`, and `version:v1.0` of Microsoft's templates, which stand above the header.
Sheet without_preamble(std::string_view text) {
    Sheet sheet{text};
    for (;;) {
        std::string line = lower_ascii(trim_ascii(sheet.text.substr(0, sheet.text.find('\n'))));
        line.erase(std::remove(line.begin(), line.end(), '"'), line.end());
        if (line.substr(0, 4) == "sep=" && line.size() <= 5)
            sheet.separator = line.size() == 5 ? line[4] : '\t'; // trimmed away
        else if (line.substr(0, 8) == "version:" && line.find_first_of("@") == std::string::npos)
            ;
        else
            return sheet;
        const std::size_t end = sheet.text.find('\n');
        if (end == std::string_view::npos)
            return sheet;
        sheet.text.remove_prefix(end + 1);
        ++sheet.line;
    }
}

// The separator that makes most fields known ones, else most fields; a comma when none does.
char separator_of(const Sheet &sheet, const RosterOptions &options) {
    if (sheet.separator != 0)
        return sheet.separator;
    char best = ',';
    std::pair<std::size_t, std::size_t> most{0, 1};
    for (const char separator : separators) {
        CsvReader reader(sheet.text, separator, 1);
        Record record;
        do
            if (!reader.next(record))
                return best;
        while (record.blank);
        const auto known = static_cast<std::size_t>(std::count_if(
            record.fields.begin(), record.fields.end(), [&](const std::string &field) {
                return find_roster_field(lower_ascii(trim_ascii(field))) ||
                       is_mapped(options, field);
            }));
        if (std::pair(known, record.count) > most) {
            most = {known, record.count};
            best = separator;
        }
    }
    return best;
}

void check_header_field(const std::string &name, const std::vector<std::string> &before,
                        std::size_t line, const RosterOptions &options) {
    if (name.empty()) // a column without a name, which must be empty
        return;
    const bool mapped = is_mapped(options, name), known = find_roster_field(name) != nullptr;
    if (!mapped && !known) {
        if (const auto misspelt = misspelt_field_problem(name))
            throw RosterFileError(line, *misspelt + " in the header");
        const bool is_several = name.find_first_of(",;\t|") != name.npos;
        if (!options.ignore_unknown_fields)
            throw RosterFileError(line, unknown_field_problem(name) + " in the header",
                                  is_several ? "Separate the columns by commas, semicolons or "
                                               "tabs, all of them alike."
                                             : "Map it (--map \"" + name + "=FIELD\"; " +
                                                   roster_field_names() +
                                                   ") or drop what is unknown "
                                                   "(--ignore-unknown-fields).");
    } else if (std::count(before.begin(), before.end(), name) > 0) {
        throw RosterFileError(line, "field \"" + name + "\" is given twice in the header");
    }
}

std::vector<std::string> read_header(CsvReader &reader, const RosterOptions &options) {
    Record record;
    do {
        if (!reader.next(record))
            throw RosterFileError(0, "the header row is missing");
    } while (record.blank);
    if (record.stray_quote)
        throw RosterFileError(record.line, "a quote in the middle of a field of the header");
    if (record.count > record.fields.size())
        throw RosterFileError(record.line, "the header has too many columns");
    std::vector<std::string> header;
    for (const std::string &field : record.fields) {
        std::string name = lower_ascii(trim_ascii(field));
        check_header_field(name, header, record.line, options);
        header.push_back(std::move(name));
    }
    for (const FieldMap &map : options.maps)
        for (const std::string &source : map.sources)
            if (std::count(header.begin(), header.end(), source) == 0)
                throw RosterFileError(record.line, "--map names the column " +
                                                       quote_for_message(source) +
                                                       ", which the header does not have");
    const auto makes_email = [](const FieldMap &map) { return map.target->name == "email"; };
    const bool has_email =
        std::count(header.begin(), header.end(), "email") > 0 && !is_mapped(options, "email");
    if (!has_email && std::none_of(options.maps.begin(), options.maps.end(), makes_email))
        throw RosterFileError(record.line, "the header has no column \"email\"");
    return header;
}

std::string fields(std::size_t count) {
    return std::to_string(count) + (count == 1 ? " field" : " fields");
}

} // namespace

Roster parse_csv_roster(std::string_view text, RosterOptions options) {
    std::string lines; // of Excel's "CSV (Macintosh)", which ends them with CR alone
    if (text.find('\n') == text.npos && text.find('\r') != text.npos) {
        lines = text;
        std::replace(lines.begin(), lines.end(), '\r', '\n');
        text = lines;
    }
    const Sheet sheet = without_preamble(text);
    CsvReader reader(sheet.text, separator_of(sheet, options), sheet.line);
    const std::vector<std::string> header = read_header(reader, options);
    RosterBuilder builder(options);
    for (Record record; reader.next(record);) {
        if (record.blank)
            continue;
        builder.begin_row(record.line);
        if (record.stray_quote) {
            builder.problem("a quote in the middle of a field");
            continue;
        }
        if (record.count != header.size()) {
            builder.problem("has " + fields(record.count) + ", the header " +
                            std::to_string(header.size()));
            continue;
        }
        for (std::size_t i = 0; i < header.size(); ++i)
            if (!header[i].empty())
                builder.field(header[i], record.fields[i]);
            else if (!trim_ascii(record.fields[i]).empty() && !options.ignore_unknown_fields)
                builder.problem("a value in column " + std::to_string(i + 1) +
                                ", which has no name in the header");
    }
    return builder.finish();
}

} // namespace pg_principal::cli
