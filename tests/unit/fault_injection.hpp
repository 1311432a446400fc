// OpenSSL calls that fail when told to. The crypto files of the core are compiled once more with
// this file in front of them and with each OpenSSL function that their objects refer to (unit.mk
// finds the names) defined as a call through here.
#pragma once

#include <openssl/err.h>

#include <set>
#include <string>
#include <type_traits>

namespace fault {

enum class Mode {
    zero,     // not done; 0 or a null pointer is returned
    negative, // not done; -1 or a null pointer is returned
    late,     // done, then 0 is returned; a null pointer without doing it
    memory    // as zero, and the queue tells that there was no memory
};

struct State {
    long left = 0; // the call that makes this 0 fails
    bool failed = false;
    Mode mode = Mode::zero;
    std::set<std::string> calls; // that failed so far, or return nothing that tells
};
inline State &state() {
    static State one;
    return one;
}

// What only compares, releases or points to something that is there.
inline bool cannot_fail(const std::string &name) {
    static const std::set<std::string> cannot = {"BIO_free",
                                                 "BIO_s_secmem",
                                                 "BN_cmp",
                                                 "BN_is_one",
                                                 "BN_num_bits",
                                                 "CRYPTO_memcmp",
                                                 "EVP_PKEY_CTX_get_app_data",
                                                 "EVP_SIGNATURE_fetch", // asked once in a process
                                                 "EVP_SIGNATURE_free",
                                                 "ECDSA_SIG_get0_r",
                                                 "ECDSA_SIG_get0_s",
                                                 "ERR_get_error",
                                                 "ERR_peek_error"};
    return cannot.count(name) > 0;
}

// Whether the call is the one to fail.
inline bool is_due(const char *name) {
    State &at = state();
    if (at.left == 0 || cannot_fail(name) || --at.left > 0)
        return false;
    at.failed = true;
    at.calls.insert(name);
    ERR_raise(ERR_LIB_USER, at.mode == Mode::memory ? ERR_R_MALLOC_FAILURE : ERR_R_INTERNAL_ERROR);
    return true;
}

template <class Result, class Perform>
Result run(const char *name, Perform perform) {
    if constexpr (std::is_pointer_v<Result>) {
        if (is_due(name))
            return nullptr;
    } else if constexpr (std::is_integral_v<Result>) {
        if (is_due(name)) {
            if (state().mode == Mode::late)
                perform();
            return static_cast<Result>(state().mode == Mode::negative ? -1 : 0);
        }
    } else {
        state().calls.insert(name);
    }
    return perform();
}

template <class Function>
struct Call;
template <class Result, class... Arguments>
struct Call<Result(Arguments...)> {
    Result (*function)(Arguments...);
    const char *name;
    Result operator()(Arguments... arguments) const {
        return run<Result>(name, [&] { return function(arguments...); });
    }
};
template <class Result, class... Arguments>
struct Call<Result(Arguments..., ...)> {
    Result (*function)(Arguments..., ...);
    const char *name;
    template <class... Rest>
    Result operator()(Arguments... arguments, Rest... rest) const {
        return run<Result>(name, [&] { return function(arguments..., rest...); });
    }
};

template <class Function>
Call<Function> call(Function &function, const char *name) {
    return {&function, name};
}

} // namespace fault
