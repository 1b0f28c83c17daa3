#!/bin/sh
# Installs sso-oidc from the archive of a release, on Linux: install.sh FROM VERSION DIRECTORY [SHA256]
#
# FROM is the address of the folder with the archives and SHA256SUMS. The archive must have the checksum that SHA256SUMS
# says. SHA256 is a checksum from elsewhere: with it, a folder that was replaced as a whole is refused, too.
# TARGET names the archive if the machine does not. Needs curl and tar.
set -eu

fail() {
    echo "error: $1" >&2
    exit 1
}

if [ $# -lt 3 ] || [ $# -gt 4 ]; then
    echo "usage: install.sh FROM VERSION DIRECTORY [SHA256]" >&2
    exit 2
fi
from=$1 version=$2 sha256=${4:-}

# The first target that the release has. A program for musl is static. One for gnu needs a glibc as new as that of the
# machine that linked it.
case ${TARGET:-$(uname -sm)} in
"Linux x86_64") targets="x86_64-unknown-linux-musl x86_64-unknown-linux-gnu" ;;
"Linux aarch64") targets="aarch64-unknown-linux-musl aarch64-unknown-linux-gnu" ;;
"Darwin arm64") targets=aarch64-apple-darwin ;;
MINGW* | MSYS* | CYGWIN* | *-windows-*)
    fail "the archive for Windows is a zip, which this script cannot unpack: download it, and compare its checksum"
    ;;
*' '*) fail "no archive is known for $(uname -sm); TARGET can name one" ;;
*) targets=$TARGET ;;
esac

mkdir -p "$3"
directory=$(cd "$3" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
fetch() { curl --fail --silent --show-error --location --retry 3 --output "$1" "$from/$1"; }

fetch SHA256SUMS
name=
for target in $targets; do
    if grep " sso-oidc-$version-$target\.tar\.gz\$" SHA256SUMS >expected; then
        name=sso-oidc-$version-$target
        break
    fi
done
[ -n "$name" ] || fail "this release has no archive of version $version for $targets: see $from/SHA256SUMS"
archive=$name.tar.gz
fetch "$archive"

if command -v sha256sum >/dev/null; then
    # BusyBox has the short flag alone.
    check() { sha256sum -c "$1" >/dev/null; }
else
    check() { shasum --algorithm 256 --check "$1" >/dev/null; }
fi
check expected
if [ -n "$sha256" ]; then
    echo "$sha256  $archive" >pinned
    check pinned
fi

tar -xzf "$archive"
cp "$name/sso-oidc" "$directory/"
"$directory/sso-oidc" --version
