// The password that a client sends to PostgreSQL is a token: the extension in the same process
// judges it. A process without the extension, hence any other program that this module is
// configured for by mistake, is told that nothing can be verified.
#include <dlfcn.h>
#include <security/pam_ext.h>
#include <security/pam_modules.h>

#define MODULE_EXPORT extern "C" __attribute__((visibility("default")))

MODULE_EXPORT int pam_sm_authenticate(pam_handle_t *pam, int, int, const char **) {
    using Login = int (*)(const char *, const char *);
    const auto login = reinterpret_cast<Login>(dlsym(RTLD_DEFAULT, "pg_principal_login"));
    if (login == nullptr)
        return PAM_AUTHINFO_UNAVAIL;
    const char *user = nullptr;
    const char *token = nullptr;
    if (pam_get_user(pam, &user, nullptr) != PAM_SUCCESS ||
        pam_get_authtok(pam, PAM_AUTHTOK, &token, nullptr) != PAM_SUCCESS || user == nullptr ||
        token == nullptr)
        return PAM_AUTH_ERR;
    return login(user, token) == 1 ? PAM_SUCCESS : PAM_AUTH_ERR;
}

MODULE_EXPORT int pam_sm_setcred(pam_handle_t *, int, int, const char **) { return PAM_SUCCESS; }

// Only of whom this module has let in: a stack that skips it lets nobody in by it.
MODULE_EXPORT int pam_sm_acct_mgmt(pam_handle_t *, int, int, const char **) {
    const auto logged_in =
        reinterpret_cast<int (*)()>(dlsym(RTLD_DEFAULT, "pg_principal_logged_in"));
    return logged_in != nullptr && logged_in() == 1 ? PAM_SUCCESS : PAM_AUTHINFO_UNAVAIL;
}
