// Rows of auth.trusted_issuers, and the rules of an issuer with the accounts they are for.
#pragma once

#include "pg/tables/store.hpp"

#include <string_view>

namespace pg_principal {

struct Texts {
    Datum *items;
    int count;
};

// Lives in the current memory context.
struct IssuerRow {
    bool found;
    Datum whole; // auth.trusted_issuers
    Datum issuer;
    bool has_keys;
    Datum keys; // jsonb
    Texts audiences, algorithms, required_claims;
    int longest_life_s;
};

// As it is now, whatever the transaction's isolation level. issuer: in the server's encoding.
IssuerRow read_trusted_issuer(const text *issuer);

struct IssuerRule {
    Datum whole; // auth.issuer_rules
    pg_uuid_t user_id;
    int owner_generation;
    IssuerRule *next; // nullptr: the last
};

// Those of an issuer whose claims `fits` lets through, inside the guard: it must not throw.
IssuerRule *read_issuer_rules(const text *issuer, bool (*fits)(Datum claims, void *argument),
                              void *argument, const Moment &moment);

struct Account {
    bool found;
    Datum whole; // auth.users, as auth.standing() has it
    const text *email;
    bool is_service_account;
    int owner_generation;
};
Account read_account(const pg_uuid_t &id, const Moment &moment);

} // namespace pg_principal
