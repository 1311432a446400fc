#!/bin/bash
# Logins by token of the drivers that people use, JDBC among them: packages.sh installs a JDK for `make torture`.
cd "$(dirname "$0")/../.." || exit 1
if ! command -v javac >/dev/null; then
    echo "not ok - a JDK is here"
    exit 1
fi
exec bash tests/system/login_drivers.sh
