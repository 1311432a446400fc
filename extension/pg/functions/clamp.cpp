// auth.owner_is(): what kind of principal owns a row, looked up once for each owner in a scan.
#include "pg/identity/call_site.hpp"
#include "pg/tables/store.hpp"

#include <cstdint>
#include <string>
#include <unordered_map>

using namespace pg_principal;

namespace {

class OwnerKinds {
  public:
    static constexpr std::size_t max_owners = 65536;

    // Whether there is a calling principal, as of this statement.
    bool caller_is_principal() {
        if (!look_.fresh()) {
            const std::uint64_t epoch = look_.epoch;
            const TimestampTz statement = look_.statement;
            const Identity *identity = current_identity();
            principal_ = identity != nullptr && identity->has_principal;
            look_.looked();
            if (epoch != look_.epoch || statement != look_.statement)
                kinds_.clear();
        }
        return principal_;
    }

    template <class Read>
    const std::string &kind_of(std::string_view owner, Read read) {
        key_ = owner;
        const auto found = kinds_.find(key_);
        if (found != kinds_.end())
            return found->second;
        if (kinds_.size() >= max_owners)
            kinds_.clear();
        const PrincipalRow principal = read();
        return kinds_.emplace(key_, principal.found ? principal.kind : "").first->second;
    }

  private:
    Look look_{};
    bool principal_ = false;
    std::string key_;
    std::unordered_map<std::string, std::string> kinds_;
};

OwnerKinds &kinds_of(FunctionCallInfo fcinfo) {
    if (fcinfo->flinfo->fn_extra == nullptr)
        fcinfo->flinfo->fn_extra = new_in_context<OwnerKinds>(fcinfo->flinfo->fn_mcxt);
    return *static_cast<OwnerKinds *>(fcinfo->flinfo->fn_extra);
}

template <class Read>
Datum owner_is(FunctionCallInfo fcinfo, std::string_view owner, Read read) {
    OwnerKinds &kinds = kinds_of(fcinfo);
    return BoolGetDatum(kinds.caller_is_principal() &&
                        kinds.kind_of(owner, read) == text_argument(fcinfo, 1));
}

} // namespace

SQL_FUNCTION(owner_email_is) {
    if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
        return BoolGetDatum(false);
    const std::string_view email = bytes_argument(fcinfo, 0); // as the table has it
    return owner_is(fcinfo, email, [email] { return read_principal(email, 0, Moment()); });
}

SQL_FUNCTION(owner_id_is) {
    if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
        return BoolGetDatum(false);
    const pg_uuid_t *id = PG_GETARG_UUID_P(0);
    const std::string_view bytes(reinterpret_cast<const char *>(id->data), UUID_LEN);
    return owner_is(fcinfo, bytes, [id] { return read_principal(*id, 0, Moment()); });
}
