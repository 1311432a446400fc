#include "pg/login/pam_modules.hpp"

#include <dlfcn.h>
#include <unistd.h>

namespace pg_principal::login {

namespace {

constexpr const char *service = "pg_principal";
constexpr const char *service_file = "/etc/pam.d/pg_principal";

// What pam_start(3) takes, which a server built with PAM has: no header, no library more to link.
struct Conversation {
    int (*ask)(int, const void **, void **, void *);
    void *data;
};
using Start = int (*)(const char *, const char *, const Conversation *, void **);

} // namespace

void keep_pam_modules() noexcept {
    static const Conversation none{};
    static void *kept = nullptr;
    const auto start = reinterpret_cast<Start>(dlsym(RTLD_DEFAULT, "pam_start"));
    if (start != nullptr && access(service_file, R_OK) == 0)
        (void)start(service, nullptr, &none, &kept);
}

} // namespace pg_principal::login
