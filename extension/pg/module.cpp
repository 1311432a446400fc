// What the server looks for in the library.
#include "core/crypto.hpp"
#include "pg/bridge.hpp"
#include "pg/guesses.hpp"
#include "pg/held_secrets.hpp"
#include "pg/prepare.hpp"
#include "pg/revocation.hpp"
#include "pg/settings.hpp"
#include "pg/token_use.hpp"

extern "C" {
PG_PRINCIPAL_EXPORT const Pg_magic_struct *Pg_magic_func(void);
PG_MODULE_MAGIC;

PG_PRINCIPAL_EXPORT void _PG_init(void);
void _PG_init(void) {
    pg_principal::run_or_exit(pg_principal::prepare_crypto);
    pg_principal::settings::define();
    pg_principal::watch_revocations();
    pg_principal::watch_prepares();
    pg_principal::watch_guesses();
    pg_principal::run_or_exit(pg_principal::watch_held_secrets);
    if (process_shared_preload_libraries_in_progress) {
        pg_principal::request_token_use_memory();
        pg_principal::request_guesses_memory();
    }
}
}
