// What the server looks for in the library.
#include "pg/bridge.hpp"
#include "pg/revocation.hpp"
#include "pg/settings.hpp"

extern "C" {
PG_PRINCIPAL_EXPORT const Pg_magic_struct *Pg_magic_func(void);
PG_MODULE_MAGIC;

PG_PRINCIPAL_EXPORT void _PG_init(void);
void _PG_init(void) {
    pg_principal::settings::define();
    pg_principal::watch_revocations();
}
}
