// What must not be done with memory, for tests/torture/valgrind.sh to see.
#include "postgres.h"
#include "fmgr.h"
PG_MODULE_MAGIC;
PG_FUNCTION_INFO_V1(faulty);
Datum faulty(PG_FUNCTION_ARGS) {
    volatile char *volatile p = malloc(8);
    switch (PG_GETARG_INT32(0)) {
    case 0:
        free((void *)p);
        PG_RETURN_INT32(p[0]);
    case 1:
        p[8] = 1;
        break;
    case 2:
        if (p[3] > 0)
            elog(LOG, "as it happens");
        break;
    default: /* jumps over what it has allocated */
        p = NULL;
        elog(ERROR, "lost");
    }
    free((void *)p);
    PG_RETURN_INT32(0);
}
