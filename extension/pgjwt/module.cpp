// What the server looks for in the library.
#include "core/crypto/crypto.hpp"
#include "pg/bridge/bridge.hpp"

extern "C" {
PG_PRINCIPAL_EXPORT const Pg_magic_struct *Pg_magic_func(void);
#ifdef PG_MODULE_MAGIC_EXT
PG_MODULE_MAGIC_EXT(.name = "pg_principal_pgjwt", .version = PG_PRINCIPAL_PGJWT_VERSION);
#else
PG_MODULE_MAGIC;
#endif

PG_PRINCIPAL_EXPORT void _PG_init(void);
void _PG_init(void) { pg_principal::run_or_exit(pg_principal::prepare_hashing); }
}
