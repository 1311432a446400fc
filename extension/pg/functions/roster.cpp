// auth.read_roster(): a pushed roster as rows, by the rules of core/roster; the ids of who is new.
#include "core/base/error.hpp"
#include "core/crypto/crypto.hpp"
#include "core/json/document.hpp"
#include "core/principals/roster.hpp"
#include "pg/bridge/jsonb.hpp"
#include "pg/bridge/uuid.hpp"
#include "pg/tables/scan.hpp"

extern "C" {
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/tuplestore.h"
}

#include <array>
#include <cstring>
#include <unordered_set>

using namespace pg_principal;

namespace {

// auth.roster_row: row_number, the fields in their order, problem
constexpr std::size_t column_count = roster_fields.size() + 2;

std::string_view type_name(json::Type type) {
    switch (type) {
    case json::Type::null:
        return "null";
    case json::Type::boolean:
        return "a boolean";
    case json::Type::number:
        return "a number";
    case json::Type::string:
        return "a string";
    case json::Type::array:
        return "an array";
    case json::Type::object:
        return "an object";
    case json::Type::missing:
        break;
    }
    return "nothing";
}

RosterRow read_row(json::Value value, std::size_t number, std::vector<RosterProblem> &problems) {
    RosterRow row;
    if (!value.is_object()) {
        problems.push_back({number, not_an_object_problem(type_name(value.type()))});
        return row;
    }
    for (const json::Member member : value.members()) {
        const RosterField *field = find_roster_field(member.name);
        if (field == nullptr)
            problems.push_back({number, unknown_field_problem(member.name)});
        else if (member.value.is_string())
            row.*(field->member) = std::string(member.value.as_string());
        else if (!member.value.is_null())
            problems.push_back(
                {number, wrong_type_problem(member.name, type_name(member.value.type()))});
    }
    normalise(row);
    return row;
}

struct RosterTable {
    ReturnSetInfo *result;

    explicit RosterTable(FunctionCallInfo fcinfo)
        : result(reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo)) {
        guard([fcinfo] { InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC); });
    }

    void put(std::size_t number, const RosterRow &row, const std::string *problem) const {
        std::string_view texts[column_count];
        bool nulls[column_count];
        nulls[0] = false;
        for (std::size_t i = 0; i < roster_fields.size(); ++i) {
            const std::optional<std::string> &field = row.*(roster_fields[i].member);
            nulls[i + 1] = !field;
            if (field)
                texts[i + 1] = *field;
        }
        nulls[column_count - 1] = problem == nullptr;
        if (problem != nullptr)
            texts[column_count - 1] = *problem;
        const std::string_view *text = texts;
        const bool *is_null = nulls;
        ReturnSetInfo *to = result;
        guard([to, number, text, is_null] {
            CHECK_FOR_INTERRUPTS();
            Datum values[column_count] = {Int32GetDatum(static_cast<int32>(number))};
            for (std::size_t i = 1; i < column_count; ++i)
                if (!is_null[i]) {
                    char *local = pg_any_to_server(pnstrdup(text[i].data(), text[i].size()),
                                                   static_cast<int>(text[i].size()), PG_UTF8);
                    values[i] = PointerGetDatum(cstring_to_text(local));
                }
            tuplestore_putvalues(to->setResult, to->setDesc, values, const_cast<bool *>(is_null));
        });
    }
};

} // namespace

SQL_FUNCTION(read_roster) {
    const RosterTable table(fcinfo);
    json::Limits limits;
    limits.max_bytes = std::size_t{1} << 30;
    const json::Document document(jsonb_argument(fcinfo, 0), limits);
    if (!document.root().is_array())
        throw Error(Errc::roster_not_an_array, {type_name(document.root().type())});

    std::vector<RosterRow> rows;
    std::vector<RosterProblem> problems;
    std::unordered_set<std::size_t> no_rows; // what is not an object misses nothing else
    rows.reserve(document.root().size());
    for (const json::Value value : document.root().elements()) {
        if (!value.is_object())
            no_rows.insert(rows.size() + 1);
        rows.push_back(read_row(value, rows.size() + 1, problems));
    }
    for (RosterProblem &problem : check_roster(rows))
        if (no_rows.count(problem.row) == 0)
            problems.push_back(std::move(problem));

    for (std::size_t i = 0; i < rows.size(); ++i)
        table.put(i + 1, rows[i], nullptr);
    for (const RosterProblem &problem : problems)
        table.put(problem.row, RosterRow(), &problem.reason);
    return 0;
}

// A random UUID (RFC 9562, version 4), of random bytes that are got some hundreds of ids at a time.
SQL_FUNCTION(random_id) {
    static std::array<char, 4096> bytes;
    static std::size_t left = 0;
    if (left < UUID_LEN) {
        left = 0; // none, should it throw
        random_bytes(bytes.data(), bytes.size());
        left = bytes.size();
    }
    left -= UUID_LEN;
    char *const id = bytes.data() + left;
    id[6] = static_cast<char>((id[6] & 0x0f) | 0x40);
    id[8] = static_cast<char>((id[8] & 0x3f) | 0x80);
    const Datum result = uuid_datum(id);
    wipe(id, UUID_LEN);
    return result;
}

// Whoever inserts the same address would wait for such a one.
SQL_FUNCTION(is_being_taken) {
    const text *email = guard([fcinfo] { return PG_GETARG_TEXT_PP(0); });
    return BoolGetDatum(guard([email] {
        bool found = false;
        SnapshotData dirty;
        InitDirtySnapshot(dirty);
        scan(
            "users", "email", F_TEXTEQ, PointerGetDatum(email),
            [&found, &dirty](const Row &) { found = found || TransactionIdIsValid(dirty.xmin); },
            Rows::many, &dirty);
        return found;
    }));
}
