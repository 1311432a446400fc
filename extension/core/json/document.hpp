// A strict JSON reader (RFC 8259) for headers, claims and keys. Refused beyond the grammar:
// repeated names at any depth, \u0000, lone surrogates, invalid UTF-8. Strings without escapes are
// not copied.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pg_principal::json {

enum class Type : std::uint8_t { missing, null, boolean, number, string, array, object };

struct Limits {
    std::uint32_t max_depth = 32; // at most 512
    std::size_t max_bytes = 64u << 20;
    bool keep_repeats = false; // a repeated name is no fault: Value::repeats_a_name() tells
    bool skip_deeper = false;  // what is nested more deeply is no fault, and null
};

struct ParseStatus {
    const char *fault = nullptr; // nullptr when the text is well-formed
    std::size_t offset = 0;
    explicit operator bool() const noexcept { return fault == nullptr; }
};

class Document;
class Parser;
class Members;
class Elements;

// A light handle; valid while its document and the parsed text are.
class Value {
  public:
    Value() noexcept = default;
    Type type() const noexcept;
    explicit operator bool() const noexcept { return doc_ != nullptr; } // false: missing
    bool is_string() const noexcept { return type() == Type::string; }
    bool is_number() const noexcept { return type() == Type::number; }
    bool is_bool() const noexcept { return type() == Type::boolean; }
    bool is_null() const noexcept { return type() == Type::null; }
    bool is_array() const noexcept { return type() == Type::array; }
    bool is_object() const noexcept { return type() == Type::object; }

    // Each throws Error(json_malformed) when the value has another type.
    std::string_view as_string() const;
    bool as_bool() const;
    std::string_view number_text() const;
    Members members() const;   // in the order of the text
    Elements elements() const; // in the order of the text

    // The value when it is a whole number that fits: 1000, 1e3 and 1000.0 are the same.
    std::optional<std::int64_t> as_int64() const;
    std::optional<double> as_double() const;

    // Whether this or an object in it has a name twice, where the limits let that pass.
    bool repeats_a_name() const noexcept;

    // Members of an object, elements of an array, otherwise 0.
    std::size_t size() const noexcept;
    // Missing when this is not an object or has no such member.
    Value find(std::string_view name) const noexcept;

  private:
    friend class Document;
    friend class Members;
    friend class Elements;
    Value(const Document *doc, std::uint32_t index) noexcept : doc_(doc), index_(index) {}

    const Document *doc_ = nullptr;
    std::uint32_t index_ = 0;
};

struct Member {
    std::string_view name;
    Value value;
};

// Holds the nodes; reuse one to parse without allocating. The text must outlive it.
class Document {
  public:
    Document() = default;
    // Throws Error(json_malformed) that names the fault and its offset, never the content.
    explicit Document(std::string_view text, const Limits &limits = {});
    Document(Document &&) = delete; // values point here
    Document &operator=(Document &&) = delete;
    Value root() const noexcept { return nodes_.empty() ? Value() : Value(this, 0); }
    void clear() noexcept;

  private:
    friend class Value;
    friend class Members;
    friend class Elements;
    friend class Parser;
    friend ParseStatus try_parse(Document &, std::string_view, const Limits &);

    struct Node {
        // built in place: a copy of freshly written parts would stall the processor
        Node(Type t, bool f, std::uint32_t a, std::uint32_t s, std::uint32_t n) noexcept
            : type(t), flag(f), at(a), size(s), next(n) {}
        Type type;
        bool flag; // a string: it is in decoded_; a boolean: its value; an object: a name twice
        std::uint32_t at;   // offset of a string's or number's first byte
        std::uint32_t size; // bytes of a string or number; members or elements of a container
        std::uint32_t next; // index of the first node after this value
    };

    std::string_view text_of(const Node &node) const noexcept {
        return (node.flag ? std::string_view(decoded_) : text_).substr(node.at, node.size);
    }

    std::string_view text_;
    std::vector<Node> nodes_;
    std::string decoded_;              // strings that had escapes
    std::vector<std::uint32_t> names_; // the names of the objects still open
};

class Members {
  public:
    class Iterator {
      public:
        Iterator(const Document *doc, std::uint32_t index) noexcept : doc_(doc), index_(index) {}
        Member operator*() const noexcept;
        Iterator &operator++() noexcept;
        bool operator!=(const Iterator &other) const noexcept { return index_ != other.index_; }

      private:
        const Document *doc_;
        std::uint32_t index_;
    };
    Iterator begin() const noexcept { return {doc_, first_}; }
    Iterator end() const noexcept { return {doc_, end_}; }

  private:
    friend class Value;
    Members(const Document *doc, std::uint32_t first, std::uint32_t end) noexcept
        : doc_(doc), first_(first), end_(end) {}
    const Document *doc_;
    std::uint32_t first_, end_;
};

class Elements {
  public:
    class Iterator {
      public:
        Iterator(const Document *doc, std::uint32_t index) noexcept : doc_(doc), index_(index) {}
        Value operator*() const noexcept { return {doc_, index_}; }
        Iterator &operator++() noexcept;
        bool operator!=(const Iterator &other) const noexcept { return index_ != other.index_; }

      private:
        const Document *doc_;
        std::uint32_t index_;
    };
    Iterator begin() const noexcept { return {doc_, first_}; }
    Iterator end() const noexcept { return {doc_, end_}; }

  private:
    friend class Value;
    Elements(const Document *doc, std::uint32_t first, std::uint32_t end) noexcept
        : doc_(doc), first_(first), end_(end) {}
    const Document *doc_;
    std::uint32_t first_, end_;
};

// Inline because they make up the walk over a token's claims.
inline Type Value::type() const noexcept {
    return doc_ ? doc_->nodes_[index_].type : Type::missing;
}
inline Member Members::Iterator::operator*() const noexcept {
    return {doc_->text_of(doc_->nodes_[index_]), Value(doc_, index_ + 1)};
}
inline Members::Iterator &Members::Iterator::operator++() noexcept {
    index_ = doc_->nodes_[index_ + 1].next;
    return *this;
}
inline Elements::Iterator &Elements::Iterator::operator++() noexcept {
    index_ = doc_->nodes_[index_].next;
    return *this;
}

// Both throw Error(json_malformed) like the constructor.
Document parse(std::string_view text, const Limits &limits = {});
void parse_into(Document &doc, std::string_view text, const Limits &limits = {});
// The same without an exception; the document is empty after a fault.
ParseStatus try_parse(Document &doc, std::string_view text, const Limits &limits = {});

// floor(|number| * 10^scale) with the number's sign; nullopt when it does not fit into 64 bits.
// `exact` tells whether anything was cut off. The text must be a JSON number.
std::optional<std::int64_t> scaled_integer(std::string_view number, int scale,
                                           bool &exact) noexcept;

// A JSON string literal; the text must be UTF-8.
std::string quote(std::string_view text);
void append_quoted(std::string &out, std::string_view text);
// The value as compact JSON, numbers as they were spelt; null when it is missing.
void append_value(std::string &out, Value value);

} // namespace pg_principal::json
