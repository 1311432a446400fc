// The trigger that tells every backend what has changed, and whether something was decided.
#include "core/base/error.hpp"
#include "pg/bridge/bridge.hpp"
#include "pg/tables/revocation.hpp"
#include "pg/tables/store.hpp"

extern "C" {
#include "commands/trigger.h"
#include "executor/spi.h"
#include "utils/rel.h"
#include "utils/uuid.h"
}

#include <cstdint>
#include <cstring>
#include <optional>

using namespace pg_principal;

namespace {

// What the trigger was told that its rows are about: a subject, and the column that names it.
// Nothing: a trigger of an earlier version.
std::optional<Subject> subject_of(const Trigger &trigger) noexcept {
    if (trigger.tgnargs != 2)
        return std::nullopt;
    const std::string_view name = trigger.tgargs[0];
    if (name == "session")
        return Subject::session;
    if (name == "principal")
        return Subject::principal;
    if (name == "grant")
        return Subject::grant;
    return name == "key" ? std::optional(Subject::key) : std::nullopt;
}

// Empty: it is not there, or NULL.
std::string_view bytes_of_column(HeapTuple tuple, TupleDesc desc, const char *column) {
    const int number = SPI_fnumber(desc, column);
    bool isnull = true;
    const Datum value = number > 0 ? SPI_getbinval(tuple, desc, number, &isnull) : 0;
    if (isnull)
        return {};
    if (TupleDescAttr(desc, number - 1)->attlen == UUID_LEN)
        return {static_cast<const char *>(DatumGetPointer(value)), UUID_LEN};
    return view_of(DatumGetTextPP(value));
}

void signal_row(const TriggerData &data, Subject subject) {
    std::string_view before;
    for (HeapTuple tuple : {data.tg_trigtuple, data.tg_newtuple}) {
        if (tuple == nullptr)
            continue;
        const TupleDesc desc = RelationGetDescr(data.tg_relation);
        const char *column = data.tg_trigger->tgargs[1];
        const std::string_view id = guard([=] { return bytes_of_column(tuple, desc, column); });
        if (id.empty())
            signal_everything();
        else if (id != before)
            signal_change(signal_id(subject, id));
        before = id;
    }
}

} // namespace

SQL_FUNCTION(signal_revocation) {
    if (!CALLED_AS_TRIGGER(fcinfo))
        throw Error(Errc::not_a_trigger, {"auth.signal_revocation()"});
    const auto *data = reinterpret_cast<const TriggerData *>(fcinfo->context);
    const std::optional<Subject> subject = subject_of(*data->tg_trigger);
    if (subject && TRIGGER_FIRED_FOR_ROW(data->tg_event))
        signal_row(*data, *subject);
    else
        signal_everything();
    return Datum(0);
}

SQL_FUNCTION(has_application_triggers) {
    text *const table = guard([fcinfo] { return PG_GETARG_TEXT_PP(0); });
    return BoolGetDatum(has_application_triggers(view_of(table)));
}

SQL_FUNCTION(has_decisions) { return BoolGetDatum(has_decisions(*PG_GETARG_UUID_P(0))); }

// signatures, judgements, keys
SQL_FUNCTION(backend_proofs) {
    Datum values[3] = {Int64GetDatum(static_cast<std::int64_t>(work_done.signatures)),
                       Int64GetDatum(static_cast<std::int64_t>(work_done.judgements)),
                       Int64GetDatum(static_cast<std::int64_t>(work_done.keys))};
    bool nulls[3] = {};
    return record_result(fcinfo, values, nulls);
}
