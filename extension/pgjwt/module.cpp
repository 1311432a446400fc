// What the server looks for in the library; it has nothing to set up.
#include "pg/bridge.hpp"

extern "C" {
PG_PRINCIPAL_EXPORT const Pg_magic_struct *Pg_magic_func(void);
PG_MODULE_MAGIC;
}
