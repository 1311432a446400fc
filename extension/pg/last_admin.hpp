// Whoever takes an ADMIN's role, bans or deletes one, commits only while another ADMIN is left.
#pragma once

namespace pg_principal {

void watch_last_admin(); // at the commit of each transaction that asked auth.keep_an_admin()

} // namespace pg_principal
