// Two entries of one audit chain and their hashes.
#pragma once

#include "core_support.hpp"

#include "core/principals/audit_chain.hpp"

namespace pg_principal {

inline Uuid id_of(int from) {
    Uuid id;
    for (std::size_t i = 0; i < id.size(); ++i)
        id[i] = static_cast<unsigned char>(from + static_cast<int>(i));
    return id;
}

inline const Uuid principal = id_of(0x30);

inline AuditEntry created() {
    AuditEntry entry;
    entry.principal_id = principal;
    entry.sequence = 1;
    entry.actor_id = id_of(0x40);
    entry.actor_email = "admin@example.com";
    entry.subject = "agent@example.com";
    entry.created_at_us = 1700000000123456;
    entry.changes = R"({"created": {"current": "created", "previous": null}})";
    entry.metadata = "";
    entry.ip = "192.0.2.1";
    return entry;
}

inline AuditEntry expired() {
    AuditEntry entry;
    entry.principal_id = principal;
    entry.sequence = 2;
    entry.created_at_us = -1;
    entry.changes = "{}";
    entry.reason = "expired";
    entry.user_agent = "curl";
    return entry;
}

// Computed apart, with another implementation.
inline const std::string genesis =
    unhex("d58d7ffab5abfd6ad76e7cef984b79171ab5684c9383075e8c5e2bf25d66e8f9");
inline const std::string hash_1 =
    unhex("4a9d2a895629d53d8bf95093cb9bcbd5cfc579493522c3106cf3d0095ddfad1b");
inline const std::string hash_2 =
    unhex("08d7aa665ceefa4fec055dce3168d4dc2022f28b6e4a070fdda3ea06dbf7a08c");

} // namespace pg_principal
