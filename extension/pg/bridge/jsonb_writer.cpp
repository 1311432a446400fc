// jsonb straight from parsed JSON, in the on-disk format that jsonb.h describes. The server's own
// way (pushJsonbValue and a conversion) takes longer than verifying the token that the claims come
// from.
#include "pg/bridge/jsonb.hpp"

extern "C" {
#include "mb/pg_wchar.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
}

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace pg_principal {

namespace {

// Everything here runs inside guard(): it may ereport and holds nothing with a destructor. The
// depth is bounded by the parser's, the size by the token's.

struct Buffer {
    char *data;
    std::uint32_t size, capacity;

    std::uint32_t add(std::uint32_t bytes) {
        const std::uint32_t at = size;
        if (size + bytes > capacity) {
            capacity = 2 * (size + bytes);
            data = static_cast<char *>(repalloc(data, capacity));
        }
        size += bytes;
        return at;
    }
    void append(const void *bytes, std::uint32_t count) {
        std::memcpy(data + add(count), bytes, count);
    }
    void put(std::uint32_t at, std::uint32_t value) {
        std::memcpy(data + at, &value, sizeof value);
    }
    void align() {
        const std::uint32_t padding = INTALIGN(size) - size;
        std::memset(data + add(padding), 0, padding);
    }
};

// The JEntries of one container: lengths, and an offset at every JB_OFFSET_STRIDE-th.
struct Entries {
    std::uint32_t at, index, total;

    void put(Buffer &to, JEntry entry) {
        total += JBE_OFFLENFLD(entry);
        if (index % JB_OFFSET_STRIDE == 0)
            entry = (entry & JENTRY_TYPEMASK) | total | JENTRY_HAS_OFF;
        to.put(at + index * sizeof(JEntry), entry);
        ++index;
    }
};

JEntry write_value(Buffer &to, json::Value value);

JEntry write_string(Buffer &to, std::string_view text) {
    to.append(text.data(), static_cast<std::uint32_t>(text.size()));
    return JENTRY_ISSTRING | static_cast<std::uint32_t>(text.size());
}

// A whole number as numeric stores it, which pg_upgrade keeps as it is: a header of sign and weight,
// then digits to the base of 10,000 without zeros at their end.
struct WholeNumber {
    std::uint32_t varlena;
    std::uint16_t header;
    std::int16_t digits[5]; // of 18 decimal ones

    explicit WholeNumber(std::int64_t whole) noexcept {
        std::uint64_t rest =
            whole < 0 ? -static_cast<std::uint64_t>(whole) : static_cast<std::uint64_t>(whole);
        std::int16_t backwards[5];
        int count = 0, zeros = 0;
        for (; rest != 0; rest /= 10000)
            backwards[count++] = static_cast<std::int16_t>(rest % 10000);
        while (zeros < count && backwards[zeros] == 0)
            ++zeros;
        for (int i = 0; i < count - zeros; ++i)
            digits[i] = backwards[count - 1 - i];
        header =
            static_cast<std::uint16_t>((whole < 0 ? 0xa000 : 0x8000) | (count > 0 ? count - 1 : 0));
        SET_VARSIZE(this, offsetof(WholeNumber, digits) + sizeof *digits * (count - zeros));
    }
    std::uint32_t size() const noexcept { return VARSIZE(this); }
};

// Whether this server does store it so.
bool stores_whole_numbers_so() {
    for (const std::int64_t whole :
         {std::int64_t{0}, std::int64_t{1}, std::int64_t{-42}, std::int64_t{10000},
          std::int64_t{1700000000}, std::int64_t{-100000000}, std::int64_t{999999999999999999}}) {
        const WholeNumber ours(whole);
        const Numeric theirs = int64_to_numeric(whole);
        if (ours.size() != VARSIZE(theirs) || std::memcmp(&ours, theirs, ours.size()) != 0)
            return false;
    }
    return true;
}

// At most 18 digits, perhaps after a minus; the text is a number.
bool read_whole(std::string_view text, std::int64_t &whole) noexcept {
    const bool negative = text[0] == '-';
    if (text.size() > 18)
        return false;
    for (const char c : text.substr(negative)) {
        if (c < '0' || c > '9')
            return false;
        whole = 10 * whole + (c - '0');
    }
    whole = negative ? -whole : whole;
    return true;
}

JEntry write_number(Buffer &to, std::string_view text) {
    static int known =
        -1; // not a static that initialises itself: an error would leave it half done
    if (known < 0)
        known = stores_whole_numbers_so();
    const std::uint32_t before = to.size;
    to.align();
    if (std::int64_t whole = 0; known && read_whole(text, whole)) {
        const WholeNumber number(whole);
        to.append(&number, number.size());
    } else {
        const auto *number = DatumGetNumeric(
            DirectFunctionCall3(numeric_in, CStringGetDatum(pnstrdup(text.data(), text.size())),
                                ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
        to.append(number, VARSIZE_ANY(number));
    }
    return JENTRY_ISNUMERIC | (to.size - before);
}

Entries begin_container(Buffer &to, std::uint32_t header, std::uint32_t entries) {
    to.align();
    to.append(&header, sizeof header);
    return {to.add(entries * static_cast<std::uint32_t>(sizeof(JEntry))), 0, 0};
}

// jsonb keeps the members of an object by the length of their names, then by their bytes.
bool before(const json::Member &a, const json::Member &b) {
    if (a.name.size() != b.name.size())
        return a.name.size() < b.name.size();
    return std::memcmp(a.name.data(), b.name.data(), a.name.size()) < 0;
}

JEntry write_object(Buffer &to, json::Value object) {
    const auto count = static_cast<std::uint32_t>(object.size());
    auto *members = static_cast<json::Member *>(palloc(count * sizeof(json::Member) + 1));
    json::Member *end = members;
    for (const json::Member member : object.members())
        *end++ = member;
    std::sort(members, end, before);
    const std::uint32_t start = to.size;
    Entries entries = begin_container(to, count | JB_FOBJECT, 2 * count);
    for (const json::Member *member = members; member != end; ++member)
        entries.put(to, write_string(to, member->name));
    for (const json::Member *member = members; member != end; ++member)
        entries.put(to, write_value(to, member->value));
    pfree(members);
    return JENTRY_ISCONTAINER | (to.size - start);
}

JEntry write_array(Buffer &to, json::Value array) {
    const auto count = static_cast<std::uint32_t>(array.size());
    const std::uint32_t start = to.size;
    Entries entries = begin_container(to, count | JB_FARRAY, count);
    for (const json::Value element : array.elements())
        entries.put(to, write_value(to, element));
    return JENTRY_ISCONTAINER | (to.size - start);
}

JEntry write_value(Buffer &to, json::Value value) {
    switch (value.type()) {
    case json::Type::object:
        return write_object(to, value);
    case json::Type::array:
        return write_array(to, value);
    case json::Type::string:
        return write_string(to, value.as_string());
    case json::Type::number:
        return write_number(to, value.number_text());
    case json::Type::boolean:
        return value.as_bool() ? JENTRY_ISBOOL_TRUE : JENTRY_ISBOOL_FALSE;
    case json::Type::null:
    case json::Type::missing:
        break;
    }
    return JENTRY_ISNULL;
}

} // namespace

Datum to_jsonb(json::Value container, std::string_view utf8) {
    if (GetDatabaseEncoding() != PG_UTF8)
        return to_jsonb(utf8);
    const auto guess = static_cast<std::uint32_t>(2 * utf8.size() + 64);
    return guard([container, guess] {
        Buffer buffer{static_cast<char *>(palloc(guess)), VARHDRSZ, guess};
        write_value(buffer, container);
        SET_VARSIZE(buffer.data, buffer.size);
        return PointerGetDatum(buffer.data);
    });
}

} // namespace pg_principal
