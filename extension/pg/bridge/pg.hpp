// The only way to PostgreSQL's headers: they are C, and come before every other header.
#pragma once

extern "C" {
#include "postgres.h"

#include "access/htup_details.h" // uses Min, which goes below
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif
}

// These macros of the server's would rewrite the C++ library.
#undef Abs
#undef Max
#undef Min
#undef gettext
#undef dgettext
#undef ngettext
#undef dngettext
#undef snprintf
#undef vsnprintf
#undef sprintf
#undef vsprintf
#undef fprintf
#undef vfprintf
#undef printf
#undef vprintf
#undef strerror
#undef strerror_r
