#!/bin/bash
# make lint: every check runs, each failing one is named, the exit status tells whether any did.
set -u
cd "$(dirname "$0")/../.." || exit 1
unset MAKEFLAGS MFLAGS MAKELEVEL
failed=0

check() { # NAME COMMAND..: prints what the command prints when it fails
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then
        echo "ok - $name"
    else
        printf 'not ok - %s\n%s\n' "$name" "$output"
        failed=$((failed + 1))
    fi
}

cpp_files() { find extension frontend tests -name '*.cpp' -o -name '*.hpp' -o -name '*.inc'; }

# Other versions format otherwise: version 14, Debian 12's, is the reference.
formatted() {
    local file good=0
    for file in $(cpp_files | grep -v '\.inc$'); do
        clang-format --dry-run -Werror "$file" >/dev/null 2>&1 || { echo "$file" && good=1; }
    done
    return "$good"
}

builds_without_warning() { flock build/.lock make -s -j"$(nproc)" WERROR=-Werror all; }

# Only what the server looks up by name may be visible: no C++ symbol, nothing to clash with.
exports_only_sql_functions() {
    # what the PAM module, the postmaster and the method oauth look for
    local library wanted others='pg_principal_(login|logged_in|login_worker)|_PG_oauth_validator_module_init'
    for library in pg_principal.so build/pg_principal_pgjwt.so; do
        wanted=$(nm -D --defined-only "$library" | sed -n 's/.* T pg_finfo_//p' | paste -sd '|')
        ! nm -D --defined-only "$library" |
            grep -vE " [A-Za-z] (Pg_magic_func|_PG_init|pg_finfo_.*|$others|${wanted:-none})\$" || return 1
    done
}

# The rules of core take time and randomness as arguments; randomness and long sums are OpenSSL's.
core_is_pure() {
    ! grep -nE '#include [<"](postgres|fmgr|utils/|access/|executor/|libpq)' -r extension/core &&
        ! grep -nE '#include <(chrono|ctime|time\.h|fstream|iostream|filesystem|random|thread|unistd\.h|fcntl\.h)>' \
            -r extension/core &&
        ! grep -n '#include <openssl/' -r extension/core --include='*.?pp' --exclude-dir=crypto &&
        ! grep -nE '#include [<"](postgres\.h|fmgr\.h|pg/)' -r frontend
}

# Each folder of the frontend includes those before it alone; how the database is asked and HTTP is
# spoken knows nothing of the command line.
# GCC 13 and later bring these types along with fewer of their other headers.
includes_integers() {
    ! git ls-files -z 'extension/*.hpp' 'frontend/*.hpp' | xargs -0 grep -lE 'std::u?int(8|16|32|64)_t' |
        xargs grep -L '#include <cstdint>' | grep .
}

frontend_folders=(base db roster terrain http issuers cli api supabase oauth serve console)
folders_point_down() {
    local folder above=() i bad=0
    for ((i = ${#frontend_folders[@]} - 1; i >= 0; i--)); do
        folder=${frontend_folders[i]}
        [ ${#above[@]} = 0 ] ||
            ! grep -rnE "#include \"($(IFS='|' && echo "${above[*]}"))/" "frontend/$folder" || bad=1
        above+=("$folder")
    done
    [ "$(cd frontend && echo */)" = "$(printf '%s\n' "${frontend_folders[@]/%//}" | sort | xargs)" ] ||
        { echo "a folder of frontend/ has no place in frontend_folders of $0" && bad=1; }
    return "$bad"
}

# Each folder of the extension includes itself and those before it in this list; settings and
# prepared_transactions are files of pg's own, the others there come last.
layers='core/base core/json core/crypto core/secret_text core/jose core/principals
    pg/bridge pg/tables pg/memory pg/settings pg/prepared_transactions pg/keys pg/identity pg/login
    pg/functions pg'
no_include_points_up() {
    grep -rnoE '^#include "(core|pg|pgjwt)/[^"]+"' extension | sed 's/:#include "/:/; s/"$//' |
        awk -F: -v layers="$(echo $layers)" '
            function layer(path) {
                if (path ~ /^pgjwt\//) return known["pg/bridge"] + 0.5
                if (path ~ /^pg\/(settings|prepared_transactions)\./) sub(/\.[a-z]*$/, "", path)
                else sub(/\/[^\/]*$/, "", path)
                return known[path]
            }
            BEGIN { n = split(layers, order, " "); for (i = 1; i <= n; ++i) known[order[i]] = i }
            {
                from = layer(substr($1, length("extension/") + 1)); to = layer($3)
                foreign = $3 ~ /^pgjwt\// && $1 !~ /\/pgjwt\//
                if (!from || !to || to > from || foreign) { print $1 ":" $2 ": includes " $3; wrong = 1 }
            }
            END { exit wrong }'
}

# Files that can be read at a sitting, lines that need no scrolling.
files_and_lines_are_short() {
    ! { find extension frontend -name '*.?pp' -exec wc -l {} + | awk '$1 > 350 && $2 != "total" { print $2 ": " $1 " lines" }'
        wc -l sql/modules/*.sql | awk '$1 > 300 && $2 != "total" { print $2 ": " $1 " lines" }'
        find sql/modules -name '*.sql' -exec \
            awk 'length($0) > 100 { print FILENAME ":" FNR ": " length($0) " columns" }' {} +; } | grep .
}

no_trailing_space() {
    ! find Makefile META.json README.md CONTRIBUTING.md SECURITY.md CHANGELOG.md docs monitoring packaging findings .ci extension frontend sql/modules sql/upgrade \
        tests \( -name '*.out' -o -path 'tests/samples/*' -o -path 'tests/fuzz/corpus/*' \) -prune -o -type f \
        -exec grep -nIHE '[[:space:]]+$' {} + 2>/dev/null | grep .
}

# The version is the control file's alone; what else names one names that, and whether it is out.
agree_on() { # VERSION
    local newest last status
    newest=$(sed -n '/^## /{s/^## //p;q}' CHANGELOG.md)
    last=$(ls sql/upgrade/*.sql | sort -V | tail -n 1)
    status=$(jq -r .release_status META.json)
    [[ $newest == "$1 (unreleased)" && $status = unstable || $newest =~ ^"$1"\ \(20[0-9]{2}-[01][0-9]-[0-3][0-9]\)$ && $status = stable ]] ||
        { echo "CHANGELOG.md begins with '$newest', META.json has release_status $status, the version is $1" && return 1; }
    [[ $last == *--$1.sql ]] || { echo "the last update script is $last, the version is $1" && return 1; }
    ! grep -rnE "(version|VERSION)[ =:'\"]+[0-9]+[.][0-9]+[.][0-9]" packaging Makefile | grep -vE 'Standards-Version|HTTP/1|@VERSION@' ||
        { echo "packaging takes the version from the control file" && return 1; }
}

metadata() {
    local version pgjwt versions
    version=$(sed -n "s/^default_version = '\(.*\)'/\1/p" extension/pg_principal.control)
    pgjwt=$(sed -n "s/^default_version = '\(.*\)'/\1/p" extension/pg_principal_pgjwt.control)
    versions=$(jq -n --arg a "$version" --arg b "$pgjwt" '{pg_principal: $a, pg_principal_pgjwt: $b}')
    jq -e --argjson v "$versions" -f tests/harness/meta.jq META.json >/dev/null &&
        { grep -q "^## $version\b" CHANGELOG.md || { echo "CHANGELOG.md does not name $version" && false; }; } &&
        agree_on "$version" &&
        for file in $(jq -r '.provides[] | .docfile' META.json) LICENSE; do
            [ -f "$file" ] || { echo "META.json needs $file" && return 1; }
        done
}

# README's table of folders is the tree on disk: no folder is missing, none is named that is not there.
folders() {
    local table named there
    table=$(sed -n '/^| folder |/,/^$/p' README.md)
    named=$(sed -n 's/^| \(`[^|]*\) |.*/\1/p' <<<"$table" | tr -d ', ' | tr '`' '\n' | awk '
        /\// { print; sub("/.*", "/"); above = $0; next } NF { print (above != "" && system("test -d " above $0) == 0 ? above : "") $0 }'
        for folder in core pg; do
            sed -n "s/^| .extension\/$folder. | //p" <<<"$table" | grep -oE '`[a-z_]+`' | tr -d '`' | sed "s|^|extension/$folder/|"
        done)
    there=$(git ls-files | grep / | cut -d / -f 1 | grep -v '^\.' | sort -u | grep -vE '^(extension|sql|docs)$'
        git ls-files frontend extension sql/modules | sed -n 's|^\(frontend/[^/]*\)/.*|\1|p; s|^\(extension/core/[^/]*\)/.*|\1|p; s|^\(extension/pg/[^/]*\)/.*|\1|p; s|^\(extension/[^/]*\)/.*|\1|p; s|^\(sql/modules\)/.*|\1|p' |
            grep -vxE 'extension/(core|pg)' | sort -u)
    diff <(sort -u <<<"$there") <(grep -vxE 'extension/(core|pg)' <<<"$named" | sort -u)
}

shell_scripts() {
    { find tests findings packaging -name '*.sh' -not -path '*/expected/*' && echo .ci/run; } | xargs shellcheck -x -S warning
}

mkdir -p build
# All that packages.sh wants to build with, but for what only tests call.
names_packages() {
    local package missing=0
    for package in $(sed -n '/local wanted=(/,/)/{s/.*(//;s/).*//;p}' tests/harness/packages.sh); do
        case $package in jq | libgtest-dev) continue ;; esac
        sed -n '/^## Install/,/^make/p' README.md | grep -qw -- "$package" || { echo "README.md, Install: $package" && missing=1; }
    done
    return $missing
}

check "builds without a warning" builds_without_warning
if [[ $(clang-format --version 2>/dev/null) == *"version 14."* ]]; then
    check "C++ is formatted" formatted
else
    echo "ok - C++ is formatted # skipped: clang-format 14 is the reference"
fi
check "the library exports only SQL functions and the login" exports_only_sql_functions
check "core/ is pure, only crypto knows OpenSSL, the frontend no server header" core_is_pure
check "headers include <cstdint> for its types" includes_integers
check "no folder of the frontend includes one above it" folders_point_down
check "no include of the extension points up" no_include_points_up
check "SQL functions are pinned and commented" perl tests/harness/sql_hygiene.pl sql/modules/*.sql
check "README names the packages that the build takes" names_packages
check "META.json is valid PGXN and the versions agree" metadata
check "README's table of folders is the tree" folders
check "C++ files have 350 lines, SQL modules 300, of 100 columns" files_and_lines_are_short
check "no trailing whitespace" no_trailing_space
if command -v shellcheck >/dev/null; then
    check "shell scripts" shell_scripts
fi
[ "$failed" = 0 ]
