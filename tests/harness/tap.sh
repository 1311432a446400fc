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
