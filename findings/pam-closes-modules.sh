#!/bin/bash
# Linux-PAM 1.5.2 with glibc 2.36: a server that authenticates in forked children, as PostgreSQL does, pays for closing PAM's modules in
# each: memory that all would have shared, and modules opened again.
#
# pam_start() opens every module of the service (and of "other"), pam_end() closes them. To close one library glibc marks all that are loaded,
# in the entries that it keeps of them: a child writes to pages that it had from its parent, and they become its own, the more the more
# libraries the process has. A handle of pam_start() that the parent keeps open leaves the children nothing to open or close. The manual page
# of pam_end(3) says that it "destroys the Linux-PAM session", and nothing of modules; dlclose(3) nothing of other libraries.
#
#   the parent holds nothing: authenticated, the module is unloaded afterwards, pages of the linker became the child's own: yes
#   the parent holds a handle: authenticated, the module is loaded afterwards, pages of the linker became the child's own: no
# shellcheck source=findings/lib/find.sh
. "$(dirname "$0")/lib/find.sh"

need gcc ldd
[[ $(ldd --version) == *"GLIBC 2.36"* ]] || not_tried "this is another glibc than 2.36"
debian libpam0g=1.5.2-6+deb12u3 libpam-modules=1.5.2-6+deb12u3
libraries=$(echo "$work"/root/lib/*-linux-gnu)
mkdir "$work/pam.d"
printf '%s required %s\n' auth "$libraries/security/pam_permit.so" >"$work/pam.d/service"
cat >"$work/fork.c" <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct { int (*ask)(int, const void **, void **, void *); void *data; } conversation;
int pam_start_confdir(const char *, const char *, const conversation *, const char *, void **);
int pam_authenticate(void *, int);
int pam_end(void *, int);

static conversation nobody;

/* Of nameless memory that may be written to and is neither heap nor stack, what this process has for itself: there the linker keeps its entries. */
static long own_kib(int *has_module) {
    char line[4096];
    long kib = 0, counted = 0, value;
    FILE *maps = fopen("/proc/self/smaps", "r");
    *has_module = 0;
    while (fgets(line, sizeof line, maps)) {
        char rights[8], path[2048] = "";
        if (sscanf(line, "%*x-%*x %7s %*x %*x:%*x %*u %2047s", rights, path) >= 1 && strchr(line, '-') < strchr(line, ' ')) {
            *has_module |= strstr(path, "pam_permit.so") != NULL;
            counted = !strncmp(rights, "rw-p", 4) && !*path;
        } else if (counted && sscanf(line, "Private_Dirty: %ld", &value) == 1)
            kib += value;
    }
    fclose(maps);
    return kib;
}

int main(int argc, char **argv) {
    void *kept = NULL;
    if (argc > 2 && pam_start_confdir("service", "nobody", &nobody, argv[1], &kept) != 0)
        return 2;
    fflush(stdout);
    if (fork() == 0) {
        void *pam = NULL;
        int before_module, module;
        own_kib(&module); /* what measuring itself takes */
        const long before = own_kib(&before_module);
        const int failed = pam_start_confdir("service", "nobody", &nobody, argv[1], &pam) || pam_authenticate(pam, 0) || pam_end(pam, 0);
        const long grown = own_kib(&module) - before;
        printf("the parent holds %s: %s, the module is %s afterwards, pages of the linker became the child's own: %s\n", argc > 2 ? "a handle" : "nothing",
               failed ? "refused" : "authenticated", module ? "loaded" : "unloaded", grown >= 20 ? "yes" : "no");
        fprintf(stderr, "%ld KiB\n", grown);
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
    return 0;
}
C
gcc -o "$work/fork" "$work/fork.c" -Wl,--no-as-needed "$libraries/libpam.so.0" -lssl -lcrypto -lz -lstdc++ -lm -Wl,-rpath,"$libraries" -Wl,--allow-shlib-undefined >&2 ||
    not_tried "gcc"
{
    "$work/fork" "$work/pam.d"
    "$work/fork" "$work/pam.d" held
} | expect "the parent holds nothing: authenticated, the module is unloaded afterwards, pages of the linker became the child's own: yes
the parent holds a handle: authenticated, the module is loaded afterwards, pages of the linker became the child's own: no"
