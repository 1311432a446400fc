#!/bin/sh
# man.sh COMMAND: its manual page, made from what --help says of it and of each of its verbs.
set -eu
command=$1
version=$("$command" --version | grep -o '[0-9][0-9.]*' | head -n 1)

verbatim() { sed 's/\\/\\e/g; s/-/\\-/g; s/^\./\\\&./; s/^'"'"'/\\\&&/'; }
verbs() { "$command" "$@" --help | sed -n '/^Subcommands:/,/^$/s/^  \([a-z-][a-z-]*\) .*/\1/p'; }
section() { # VERB..
    if [ $# = 1 ]; then
        printf '.SH %s\n.nf\n' "$(echo "$1" | tr '[:lower:]' '[:upper:]' | verbatim)"
    else
        printf '.SS %s\n.nf\n' "$(echo "pg_principal $*" | verbatim)"
    fi
    "$command" "$@" --help | verbatim
    echo .fi
    for verb in $(verbs "$@"); do
        section "$@" "$verb"
    done
}

cat <<PAGE
.TH PG_PRINCIPAL 1 "" "pg_principal $version" "pg_principal"
.SH NAME
pg_principal \\- identities for people and service accounts that live in PostgreSQL
.SH SYNOPSIS
.B pg_principal
[\\fIOPTIONS\\fR] \\fIVERB\\fR [\\fIOPTIONS\\fR]
.SH DESCRIPTION
.nf
PAGE
"$command" --help | verbatim
echo .fi
for verb in $(verbs); do
    section "$verb"
done
cat <<'PAGE'
.SH FILES
.TP
.I /etc/pg\-principal/serve.env
what the service pg\-principal runs with, where it was installed from a package
.SH SEE ALSO
.BR psql (1),
and the pages of documentation that are installed beside the package's README.
PAGE
