// What the server looks for in the library.
#include "core/crypto/crypto.hpp"
#include "pg/bridge/bridge.hpp"
#include "pg/identity/identity.hpp"
#include "pg/dependents.hpp"
#include "pg/last_admin.hpp"
#include "pg/login/connections.hpp"
#include "pg/login/pam_modules.hpp"
#include "pg/login/session.hpp"
#include "pg/memory/failed_sign_ins.hpp"
#include "pg/memory/held_secrets.hpp"
#include "pg/prepared_transactions.hpp"
#include "pg/tables/revocation.hpp"
#include "pg/settings.hpp"
#include "pg/memory/token_use.hpp"

extern "C" {
PG_PRINCIPAL_EXPORT const Pg_magic_struct *Pg_magic_func(void);
#ifdef PG_MODULE_MAGIC_EXT // for pg_get_loaded_modules() of PostgreSQL 18 and later
PG_MODULE_MAGIC_EXT(.name = "pg_principal", .version = PG_PRINCIPAL_VERSION);
#else
PG_MODULE_MAGIC;
#endif

PG_PRINCIPAL_EXPORT void _PG_init(void);
void _PG_init(void) {
    pg_principal::run_or_exit(pg_principal::prepare_crypto);
    pg_principal::settings::define();
    pg_principal::watch_revocations();
    pg_principal::refuse_prepared_transactions();
    pg_principal::watch_dependents();
    pg_principal::watch_last_admin(); // the server asks the last one first, and this one locks
    pg_principal::watch_failed_sign_ins();
    pg_principal::watch_token_use();
    pg_principal::run_or_exit(pg_principal::watch_held_secrets);
    if (process_shared_preload_libraries_in_progress) {
        pg_principal::run_or_exit(pg_principal::bind_early);
        pg_principal::request_token_use_memory();
        pg_principal::request_failed_sign_ins_memory();
        pg_principal::login::request_memory();
        pg_principal::login::watch_sessions();
        pg_principal::login::keep_pam_modules();
    }
}
}
