#include <algorithm>

#include "core/email.hpp"
#include "roster_file.hpp"

namespace pg_principal::cli {

namespace {

struct Record {
    std::size_t line = 0;
    std::size_t count = 0;           // of fields, also of those that were not kept
    std::vector<std::string> fields; // the first of them
    bool stray_quote = false;
    bool blank = false;
};

// RFC 4180, with LF as well as CRLF.
class CsvReader {
  public:
    explicit CsvReader(std::string_view text) : text_(text) {}

    // False at the end of the text.
    bool next(Record &record) {
        if (at_ == text_.size())
            return false;
        record = Record();
        record.line = line_;
        record.blank = at_line_end();
        do
            read_field(record);
        while (take(','));
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
        for (; !at_line_end() && text_[at_] != ','; ++at_) {
            // Text after a closing quote, or a quote inside plain text, can be read in two ways.
            record.stray_quote |= quoted || text_[at_] == '"';
            value += text_[at_];
        }
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
    std::size_t at_ = 0, line_ = 1;
};

std::vector<std::string> read_header(CsvReader &reader, RosterOptions options) {
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
        std::string name = normalise_email(field); // trimmed and lower case
        if (!options.ignore_unknown_fields && !find_roster_field(name))
            throw RosterFileError(record.line, unknown_field_problem(name) + " in the header");
        if (find_roster_field(name) && std::count(header.begin(), header.end(), name) > 0)
            throw RosterFileError(record.line, "field \"" + name + "\" is twice in the header");
        header.push_back(std::move(name));
    }
    if (std::count(header.begin(), header.end(), "email") == 0)
        throw RosterFileError(record.line, "the header has no column \"email\"");
    return header;
}

std::string fields(std::size_t count) {
    return std::to_string(count) + (count == 1 ? " field" : " fields");
}

} // namespace

Roster parse_csv_roster(std::string_view text, RosterOptions options) {
    CsvReader reader(text);
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
            builder.set(header[i], record.fields[i]);
    }
    return builder.finish();
}

} // namespace pg_principal::cli
