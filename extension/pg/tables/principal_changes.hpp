// What the audit tells of a changed row of auth.users.
#pragma once

#include "pg/bridge/bridge.hpp"

extern "C" {
#include "access/tupdesc.h"
}

#include <string>

namespace pg_principal {

// Where the columns are that are compared.
struct PrincipalColumns {
    enum Name {
        id,
        email,
        kind,
        app_role,
        first_name,
        last_name,
        job_title,
        phone_number,
        raw_user_meta_data,
        raw_app_meta_data,
        banned_until,
        ban_reason,
        ban_origin,
        password_scheme,
        password_version,
        password_changed_at,
        owner_generation,
        count
    };
    int at[count];
};

// PgError when one is missing.
PrincipalColumns principal_columns(TupleDesc desc);

// A row, deformed; values that may be toasted.
struct PrincipalValues {
    const Datum *values;
    const bool *nulls;
};

// By id and email: what else became of another row is told by its own entry.
bool is_same_principal(const PrincipalColumns &columns, PrincipalValues was,
                       PrincipalValues becomes);
bool is_audited(const PrincipalColumns &columns, PrincipalValues was, PrincipalValues becomes);
bool is_other_ban(const PrincipalColumns &columns, PrincipalValues was, PrincipalValues becomes);
bool is_other_owner(const PrincipalColumns &columns, PrincipalValues was, PrincipalValues becomes);
// JSON. has_row: whether the roster has the address, of another owner.
std::string principal_changes(const PrincipalColumns &columns, PrincipalValues was,
                              PrincipalValues becomes, bool has_row);

} // namespace pg_principal
