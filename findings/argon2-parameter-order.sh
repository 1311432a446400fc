#!/bin/bash
# npm argon2 0.45.1: the hashes it makes are refused by the reference library; those of 0.44.0 were not.
#
# The format says that Argon2's parameters "shall appear in the m,t,p,keyid,data order" and that producers must not allow another
# (https://github.com/P-H-C/phc-string-format), and the reference library reads just that. 0.45 writes m,p,t: it verifies its own hashes, but
# libargon2, and so what uses it (in Debian argon2-cffi, PHP), answers "Decoding failed" (-32). A table of accounts then holds hashes of two
# kinds, told apart by the day of the last change of password. Open upstream: https://github.com/ranisalt/node-argon2/issues/559
# Reordering the text is enough: the order is no part of what is hashed.
#
#   argon2 0.44.0: $argon2id$v=19$m=8192,t=3,p=2, libargon2: OK
#   argon2 0.45.1: $argon2id$v=19$m=8192,p=2,t=3, libargon2: Decoding failed
#   reordered: $argon2id$v=19$m=8192,t=3,p=2, libargon2: OK
# shellcheck source=findings/lib/find.sh
. "$(dirname "$0")/lib/find.sh"

need python3 g++ make
debian libargon2-1=0~20171227-0.3+deb12u1
node_packages before@npm:argon2@0.44.0 now@npm:argon2@0.45.1
# 0.45's own binary does not run on every Linux: built here
[ ! -f /usr/include/node/node_api.h ] || export npm_config_nodedir=/usr
timeout 300 npm rebuild --prefix "$work" --cache "$work/cache" --loglevel error now >&2 || not_tried "npm rebuild argon2"

cat >"$work/hash.mjs" <<'JS'
const { default: argon2 } = await import(process.argv[2]);
const hash = await argon2.hash('correct horse', { memoryCost: 8192, timeCost: 3, parallelism: 2 });
if (!await argon2.verify(hash, 'correct horse')) throw new Error('not even by itself');
console.log(hash);
JS
for name in before now; do timeout 60 node "$work/hash.mjs" "$name" || not_tried "argon2 ($name)"; done >"$work/hashes"

timeout 60 python3 - "$work"/root/usr/lib/*/libargon2.so.1 "$work/hashes" <<'PYTHON' | expect 'argon2 0.44.0: $argon2id$v=19$m=8192,t=3,p=2, libargon2: OK
argon2 0.45.1: $argon2id$v=19$m=8192,p=2,t=3, libargon2: Decoding failed
reordered: $argon2id$v=19$m=8192,t=3,p=2, libargon2: OK'
import ctypes, sys

library = ctypes.CDLL(sys.argv[1])
library.argon2_error_message.restype = ctypes.c_char_p

def show(name, encoded):
    password = b"correct horse"
    status = library.argon2id_verify(encoded.encode(), password, ctypes.c_size_t(len(password)))
    print(f"{name}: {encoded.rsplit('$', 2)[0]}, libargon2: {library.argon2_error_message(status).decode()}")

before, now = open(sys.argv[2]).read().split()
show("argon2 0.44.0", before)
show("argon2 0.45.1", now)
show("reordered", now.replace("p=2,t=3", "t=3,p=2"))
PYTHON
