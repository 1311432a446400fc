# shellcheck shell=bash
# For tests/cli/*.sh and tests/system/*.sh: each check prints one line, `ok - name` or `not ok - name`.

ok() { # NAME COMMAND..: the command succeeds
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then
        echo "ok - $name"
    else
        echo "not ok - $name"
        printf '%s\n' "$output" | sed 's/^/    /'
    fi
}

is() { # NAME GOT WANTED
    if [ "$2" = "$3" ]; then
        echo "ok - $1"
    else
        echo "not ok - $1"
        diff -u --label wanted --label got <(printf '%s\n' "$3") <(printf '%s\n' "$2") | sed 's/^/    /'
    fi
}

like() { # NAME GOT REGEX
    if [[ $2 =~ $3 ]]; then
        echo "ok - $1"
    else
        echo "not ok - $1"
        printf '    wanted: %s\n    got:    %s\n' "$3" "${2//$'\n'/$'\n'            }"
    fi
}

tells_nothing() { # NAME FILE..: something is in each, but no token, no password that the tests use, no hash, no key
    local name=$1 file secrets='eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{20}|ppr_[A-Za-z0-9_-]{30}|Th1sIsAStrong|An0ther|\$argon2|\$2[aby]\$|PRIVATE KEY|"[dk]": ?"[A-Za-z0-9_-]{20}'
    shift
    for file; do
        is "$name: something is in ${file##*/}" "$(grep -qE '[a-z]{3}' "$file" && echo yes)" yes
    done
    is "$name: no secret is in ${*##*/}" "$(grep -hE "$secrets|${MASTER_KEY:-PRIVATE KEY}" "$@" | cut -c 1-300)" ""
}
