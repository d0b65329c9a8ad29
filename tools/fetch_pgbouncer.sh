#!/usr/bin/env bash
# Unpacks PgBouncer of a newer Debian into a folder, with the libraries that it needs, and changes nothing on the system:
# apt gets lists of its own, no package is installed, and the program starts with the loader of that Debian.
# Usage: tools/fetch_pgbouncer.sh [FOLDER], by default .pgbouncer; then FOLDER/pgbouncer is the program.
# SUITE selects the Debian: trixie has 1.24. MIRROR selects the server.
set -euo pipefail

folder="$(realpath -m "${1:-.pgbouncer}")"
suite="${SUITE:-trixie}"
mirror="${MIRROR:-http://deb.debian.org/debian}"
keys=/usr/share/keyrings/debian-archive-keyring.gpg

for program in apt-get apt-cache dpkg-deb; do
    command -v "$program" >/dev/null || { echo "$program is missing: this needs Debian or Ubuntu" >&2; exit 1; }
done
[ -r "$keys" ] || { echo "$keys is missing: apt-get install debian-archive-keyring" >&2; exit 1; }

made="$(mktemp -d)"
trap 'rm -rf "$made"' EXIT
chmod 755 "$made" # apt drops its rights while it downloads
mkdir -p "$made"/{state/lists/partial,cache/archives/partial,parts,debs,root}
: >"$made/status"
echo "deb [signed-by=$keys] $mirror $suite main" >"$made/sources.list"
cat >"$made/apt.conf" <<CONF
Dir::State "$made/state";
Dir::State::status "$made/status";
Dir::Cache "$made/cache";
Dir::Etc::sourcelist "$made/sources.list";
Dir::Etc::sourceparts "$made/parts";
Dir::Etc::preferencesparts "$made/parts";
APT::Sandbox::User "root";
APT::Update::Post-Invoke "";
APT::Update::Post-Invoke-Success "";
CONF
export APT_CONFIG="$made/apt.conf"

apt-get update -qq
# The status file is empty, so this lists everything that the program needs, down to the C library.
apt-get install --print-uris -qq --no-install-recommends pgbouncer | grep -oP "(?<=/)[^/_]+(?=_[^/]*\.deb' )" >"$made/needed"
(cd "$made/debs" && grep -E '^(pgbouncer|lib.*|zlib1g)$' "$made/needed" | grep -v perl | xargs apt-get download -qq)
for deb in "$made"/debs/*.deb; do
    dpkg-deb -x "$deb" "$made/root"
done

rm -rf "$folder"
mkdir -p "$folder"
mv "$made/root" "$folder/root"
cat >"$folder/pgbouncer" <<'PROGRAM'
#!/bin/sh
root="$(dirname "$(readlink -f "$0")")/root"
libraries="$(echo "$root"/usr/lib/*-linux-gnu)"
exec "$libraries"/ld-linux-*.so.* --library-path "$libraries" "$root/usr/sbin/pgbouncer" "$@"
PROGRAM
chmod -R u=rwX,go=rX "$folder"
chmod 755 "$folder/pgbouncer"
"$folder/pgbouncer" --version
