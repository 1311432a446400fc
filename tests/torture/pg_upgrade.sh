#!/bin/bash
# pg_upgrade from one server version to another, with a database that has something of everything: copied,
# linked, and with the checksums that servers from 18 on have by themselves. OLD_PG_CONFIG and NEW_PG_CONFIG, else the oldest and the newest of /usr/lib/postgresql. Both need
# their server headers; the extension is built for each, apart from this tree's own build.
set -u
cd "$(dirname "$0")/../.." || exit 1
old=${OLD_PG_CONFIG:-$(printf '%s\n' /usr/lib/postgresql/*/bin/pg_config | sort -V | head -n 1)}
new=${NEW_PG_CONFIG:-$(printf '%s\n' /usr/lib/postgresql/*/bin/pg_config | sort -V | tail -n 1)}
for one in "$old" "$new"; do
    if [ ! -x "$one" ] || [ ! -x "$("$one" --bindir)/postgres" ] || [ "$old" = "$new" ]; then
        echo "ok - pg_upgrade # skipped: it takes two servers with their headers (OLD_PG_CONFIG=$old NEW_PG_CONFIG=$new)"
        exit 0
    fi
done
export PG_CONFIG=$old
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh
# shellcheck source=tests/harness/fixture.sh
. tests/harness/fixture.sh

use_server() { # PG_CONFIG: for what follows
    pg_config=$1
    PG_BIN=$("$1" --bindir)
    PATH=$PG_BIN:$PATH
}
build_for() { # PG_CONFIG: the extension into $HARNESS_ROOT
    local tree library script
    tree=$work/tree-$("$1" --version | tr -dc 0-9)
    library=$HARNESS_ROOT$("$1" --pkglibdir) script=$HARNESS_ROOT$("$1" --sharedir)/extension
    mkdir -p "$tree" "$library" "$script" && cp -r Makefile extension sql tests "$tree/" &&
        rm -f "$tree"/extension/*.o "$tree"/*.so "$tree"/sql/pg_principal--*.sql &&
        (cd "$tree" && make -s -j"$(nproc)" PG_CONFIG="$1" pg_principal.so \
            "sql/pg_principal--$(sed -n "s/^default_version = '\(.*\)'/\1/p" extension/pg_principal.control).sql") >"$work/build.log" 2>&1 &&
        cp "$tree/pg_principal.so" "$library/" && cp "$tree"/extension/pg_principal.control "$tree"/sql/pg_principal--*.sql "$script/" &&
        rm -rf "$tree"
}
# pg_upgrade takes libraries from where they are installed. Up to PostgreSQL 17, Debian leads it to ours all the same;
# later ones need one there, and no other must be loaded beside it.
link_installed() { # PG_CONFIG
    local installed
    installed=$("$1" --pkglibdir)/pg_principal.so
    use_server "$1"
    cluster_paths | grep -q '^extension_control_path' || return 0
    [ -e "$installed" ] && ln -sf "$installed" "$HARNESS_ROOT$installed"
}
checksums() { "$("$1" --bindir)/pg_controldata" "$2/data" | sed -n 's/^Data page checksum version: *//p'; } # PG_CONFIG DIR
export HARNESS_ROOT=$work/root
chmod 755 "$work"
for one in "$old" "$new"; do
    if ! build_for "$one"; then
        tail -n 20 "$work/build.log"
        echo "not ok - built for $("$one" --version)"
        exit 1
    fi
done
if ! link_installed "$new"; then
    echo "ok - pg_upgrade # skipped: it takes an installed library with $("$new" --version) (make install)"
    exit 0
fi
master_key "$work/master_key" || exit 1
settings=(shared_preload_libraries=pg_principal pg_principal.refresh_reuse_interval=3600 pg_principal.master_key_file="$work/master_key")

# What went through a dump tells the names of its columns, has other parentheses, and no grants that are as usual.
named() { catalog "$1" | sed -E '/^type /s/by the extension granted: [^|]*//; s/ AS ("[^"]*"|[a-z_0-9]+)(,?)$/\2/; s/granted: (=X\/postgres postgres=X|postgres=arwdDxtm?)\/postgres$/granted: as usual/; s/[()]//g'; }

upgrade() { # NAME OPTION..
    local name=$1 from=$work/$1-old to=$work/$1-new
    shift
    use_server "$old"
    dir=$from
    cluster_create "$from" "${settings[@]}" && cluster_start "$from" || exit 1
    fixture_roles
    createdb estate
    sql estate "CREATE EXTENSION pg_principal" >/dev/null
    fixture_fill estate
    fixture_use estate
    fixture_since_0_3 estate
    fixture_rows estate >"$work/rows"
    is "$name: no table is empty" "$(grep ': 0$' "$work/rows")" ""
    cluster_stop "$from" fast
    [ "$name" != checksums ] || [ "$(checksums "$old" "$from")" != 0 ] ||
        as_server "$PG_BIN/pg_checksums" --enable -D "$from/data" >/dev/null

    use_server "$new"
    dir=$to
    cluster_create "$to" "${settings[@]}" || exit 1
    # pg_upgrade wants the checksums that the old one has, or has not
    if [ "$(checksums "$old" "$from")" = 0 ]; then
        [ "$(checksums "$new" "$to")" = 0 ] || as_server "$PG_BIN/pg_checksums" --disable -D "$to/data" >/dev/null
    else
        [ "$(checksums "$new" "$to")" != 0 ] || as_server "$PG_BIN/pg_checksums" --enable -D "$to/data" >/dev/null
    fi
    ok "$name: $("$old" --version | cut -d ' ' -f 2) to $("$new" --version | cut -d ' ' -f 2)" \
        bash -c "cd '$to' && $(declare -f as_server) && as_server '$PG_BIN/pg_upgrade' -U postgres -b '$("$old" --bindir)' -B '$PG_BIN' -d '$from/data' -D '$to/data' -s '$to' -j 2 $* ||
            { cat '$to'/data/pg_upgrade_output.d/*/*.txt; exit 1; }"
    cluster_start "$to" || exit 1
    sql estate "VACUUM ANALYZE" >/dev/null
    is "$name: row for row the same" "$(fixture_rows estate | diff - "$work/rows" | head -n 20)" ""
    # pg_upgrade keeps no privileges on the types of tables
    remedy=$(sql estate "SELECT remedy FROM auth.check_installation() WHERE item = 'grants' AND remedy LIKE 'REVOKE USAGE ON TYPE %'")
    is "$name: what it loses is told, with what brings it back" "$(sql estate "$remedy")" ""
    # its catalog is that of an extension that was made there
    createdb made
    sql made "CREATE EXTENSION pg_principal" >/dev/null
    habits made
    is "$name: the catalog is that of a new install" "$(diff <(named made) <(named estate) | head -n 20)" ""
    fixture_check estate "$name"
    is "$name: dumped like one that was made there" "$(dump -s -d estate | grep -E '^(GRANT|REVOKE).*auth\.' | sort)" "$(dump -s -d made | grep -E '^(GRANT|REVOKE).*auth\.' | sort)"
    cluster_stop "$to" fast
}
upgrade copied
upgrade linked --link
upgrade checksums
