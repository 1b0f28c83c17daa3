#!/bin/sh
# Installs sso-oidc from the archive of a release: install.sh FROM VERSION DIRECTORY [SHA256]
#
# FROM is the address of the folder with the archives and SHA256SUMS. The archive must have the checksum that SHA256SUMS
# says. SHA256 is a checksum from elsewhere: with it, a folder that was replaced as a whole is refused, too.
# TARGET names the archive if the machine does not. Needs curl and tar; Linux and macOS.
set -eu

from=$1 version=$2 sha256=${4:-}
mkdir -p "$3"
directory=$(cd "$3" && pwd)

case ${TARGET:-$(uname -sm)} in
"Linux x86_64") target=x86_64-unknown-linux-gnu ;;
"Linux aarch64") target=aarch64-unknown-linux-gnu ;;
"Darwin arm64") target=aarch64-apple-darwin ;;
*' '*) echo "error: there is no archive for $(uname -sm); TARGET can name another" >&2 && exit 1 ;;
*) target=$TARGET ;;
esac
name=sso-oidc-$version-$target
archive=$name.tar.gz

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
for file in SHA256SUMS "$archive"; do
    curl --fail --silent --show-error --location --retry 3 --output "$file" "$from/$file"
done

if command -v sha256sum >/dev/null; then
    check() { sha256sum --check --strict --quiet "$1"; }
else
    check() { shasum --algorithm 256 --check "$1" >/dev/null; }
fi
grep " $archive\$" SHA256SUMS >expected || { echo "error: SHA256SUMS does not name $archive" >&2 && exit 1; }
check expected
if [ -n "$sha256" ]; then
    echo "$sha256  $archive" >pinned
    check pinned
fi

tar -xzf "$archive"
cp "$name/sso-oidc" "$directory/"
"$directory/sso-oidc" --version
