/* What OpenSSL itself takes, in C, with nothing around it: the yardstick of jose.sh. Prints
 * "name microseconds" for each operation, the best of many short rounds. */
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { rounds = 60, message_size = 300 };
static unsigned char message[message_size];

static void check(int ok, const char *what) {
    if (!ok) {
        fprintf(stderr, "%s failed\n", what);
        exit(1);
    }
}

static double now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e6 * (double)t.tv_sec + 1e-3 * (double)t.tv_nsec;
}

static void report(const char *name, const double *us) {
    double best = us[0];
    for (int i = 1; i < rounds; ++i)
        best = us[i] < best ? us[i] : best;
    printf("%s %.3f\n", name, best);
}

/* keyed once and re-initialised for each message */
static void hmac(void) {
    unsigned char key[48], mac[32];
    size_t size;
    double us[rounds];
    memset(key, 'k', sizeof key);
    EVP_MAC *algorithm = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(algorithm);
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, "SHA256", 0),
                           OSSL_PARAM_END};
    check(ctx != NULL && EVP_MAC_init(ctx, key, sizeof key, params) == 1, "EVP_MAC_init");
    for (int r = 0; r < rounds; ++r) {
        const int n = 10000;
        const double since = now_us();
        for (int i = 0; i < n; ++i) {
            message[i % message_size] ^= (unsigned char)i;
            check(EVP_MAC_init(ctx, NULL, 0, NULL) == 1 &&
                      EVP_MAC_update(ctx, message, sizeof message) == 1 &&
                      EVP_MAC_final(ctx, mac, &size, sizeof mac) == 1,
                  "HMAC");
        }
        us[r] = (now_us() - since) / n;
    }
    report("HS256", us);
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(algorithm);
}

static void verify(const char *name, EVP_PKEY *key, const EVP_MD *md, int n) {
    unsigned char signature[512];
    size_t size = sizeof signature;
    double us[rounds];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    check(key != NULL && EVP_DigestSignInit(ctx, NULL, md, NULL, key) == 1 &&
              EVP_DigestSign(ctx, signature, &size, message, sizeof message) == 1,
          name);
    for (int r = 0; r < rounds; ++r) {
        const double since = now_us();
        for (int i = 0; i < n; ++i) {
            EVP_MD_CTX_reset(ctx);
            check(EVP_DigestVerifyInit(ctx, NULL, md, NULL, key) == 1 &&
                      EVP_DigestVerify(ctx, signature, size, message, sizeof message) == 1,
                  name);
        }
        us[r] = (now_us() - since) / n;
    }
    report(name, us);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
}

int main(void) {
    memset(message, 'm', sizeof message);
    hmac();
    verify("RS256", EVP_RSA_gen(2048), EVP_sha256(), 200);
    verify("ES256", EVP_EC_gen("P-256"), EVP_sha256(), 100);
    verify("EdDSA", EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), NULL, 100);
    return 0;
}
