// Makes the lines of hashes.tsv that npm's libraries can make; make.py makes the rest.
// npm install @better-auth/utils firebase-scrypt bcrypt argon2 aspnetcore-identity-password-hasher aspnet-identity-pw
// node make.mjs >>hashes.tsv. A line: library, how, password, hash.
import { createRequire } from "node:module";
import { hashPassword } from "@better-auth/utils/password";
const require = createRequire(import.meta.url);
const argon2 = require("argon2");
const bcrypt = require("bcrypt");
const identity2 = require("aspnet-identity-pw");
const identity3 = require("aspnetcore-identity-password-hasher");
const { FirebaseScrypt } = require("firebase-scrypt");
const password = "Th1sIsAStrong!Pass\u00e9";
const line = (library, how, hash) => console.log([`${library} ${version(library)}`, how, password, hash].join("\t"));
const version = (library) => require(`./node_modules/${library}/package.json`).version;

line("@better-auth/utils", "default", await hashPassword(password));
line("bcrypt", "cost 5", await bcrypt.hash(password, 5));
line("argon2", "default", await argon2.hash(password));
line("argon2", "argon2i", await argon2.hash(password, { type: argon2.argon2i, memoryCost: 1024 }));
line("argon2", "argon2d", await argon2.hash(password, { type: argon2.argon2d, memoryCost: 1024 }));
line("aspnet-identity-pw", "ASP.NET Identity 2", identity2.hashPassword(password));
line("aspnetcore-identity-password-hasher", "ASP.NET Core Identity 3", await identity3.hash(password));

const project = {
    signerKey: "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==",
    saltSeparator: "Bw==",
    rounds: 8,
    memCost: 14,
};
const salt = "42xEC+ixf3L2lw==";
const hash = await new FirebaseScrypt(project).hash(password, salt);
line("firebase-scrypt", "in Supabase Auth's form",
    `$fbscrypt$v=1,n=${project.memCost},r=${project.rounds},p=1,ss=${project.saltSeparator},sk=${project.signerKey}$${salt}$${hash}`);
