#!/usr/bin/env bash
# Makes the release's files: a tarball and a .deb, the same bytes from the same source.
#   packaging/build.sh [--binary PATH] [--out DIRECTORY] [--fast]
# Without --binary it builds the release binary first. --fast compresses little, for tests. The date inside the files is
# SOURCE_DATE_EPOCH, by default that of the last commit. Needs dpkg-deb, strip and objdump (Debian: dpkg, binutils); no network.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() { sed -n '2,5s/^# \{0,1\}//p' "packaging/$(basename "$0")" >&2; exit 2; }

binary='' out=target/package level=9 compression=(-Zxz)
while [ $# -gt 0 ]; do
    case $1 in
        --binary) binary=${2:?--binary needs a path}; shift 2 ;;
        --out) out=${2:?--out needs a directory}; shift 2 ;;
        --fast) level=1 compression=(-Zgzip -z1); shift ;;
        *) usage ;;
    esac
done

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH=$epoch LC_ALL=C TZ=UTC
umask 022

mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ -z "$binary" ]; then
    cargo build --release --locked --package aboard --bin aboard
    binary=${CARGO_TARGET_DIR:-target}/release/aboard
fi
strip --strip-unneeded -o "$work/aboard" "$binary"
binary=$work/aboard
echo "stripped binary: $(stat -c %s "$binary" | awk '{ printf "%.1f MiB", $1 / 1048576 }')"

# What both hold, made by the program itself.
made=$work/made
mkdir -p "$made/man" "$made/completions"
"$binary" man --dir "$made/man"
for shell in bash zsh fish; do "$binary" completions "$shell" > "$made/completions/aboard.$shell"; done

dated() { find "$1" -exec touch --no-dereference --date="@$epoch" {} +; }
packed() { # DIRECTORY NAME: a tar of DIRECTORY's NAME that says nothing of who made it, when and where
    tar --create --directory "$1" --sort=name --format=ustar --owner=0 --group=0 --numeric-owner --mtime="@$epoch" "$2"
}

tarball() {
    local name=aboard-$version-linux-$(uname -m)
    local tree=$work/tar/$name
    install -D -m 0755 "$binary" "$tree/bin/aboard"
    install -d "$tree/man" "$tree/completions"
    install -m 0644 "$made"/man/* "$tree/man"
    install -m 0644 "$made"/completions/* "$tree/completions"
    install -m 0644 packaging/aboard.service schedules.example.toml LICENSE README.md CHANGELOG.md "$tree"
    packed "$work/tar" "$name" | gzip --no-name "-$level" > "$out/$name.tar.gz"
    echo "$out/$name.tar.gz"
}

deb() {
    local architecture tree=$work/deb
    # Whoever publishes a package answers for it.
    local maintainer="${DEBFULLNAME:-aboard maintainers} <${DEBEMAIL:-aboard@localhost}>"
    architecture=$(dpkg --print-architecture)
    local doc=$tree/usr/share/doc/aboard
    install -D -m 0755 "$binary" "$tree/usr/bin/aboard"
    install -D -m 0644 packaging/aboard.service "$tree/lib/systemd/system/aboard.service"
    install -d "$tree/usr/share/man/man1" "$tree/etc/aboard"
    for page in "$made"/man/*.1; do
        gzip --no-name --best --stdout "$page" > "$tree/usr/share/man/man1/$(basename "$page").gz"
    done
    install -D -m 0644 "$made/completions/aboard.bash" "$tree/usr/share/bash-completion/completions/aboard"
    install -D -m 0644 "$made/completions/aboard.zsh" "$tree/usr/share/zsh/vendor-completions/_aboard"
    install -D -m 0644 "$made/completions/aboard.fish" "$tree/usr/share/fish/vendor_completions.d/aboard.fish"
    install -D -m 0644 schedules.example.toml "$doc/examples/schedules.example.toml"
    install -m 0644 README.md CHANGELOG.md "$doc"
    # Debian's own form of a changelog has to be there; what changed stands in ours.
    gzip --no-name --best > "$doc/changelog.gz" <<CHANGELOG
aboard ($version) unstable; urgency=medium

  * What changed is in CHANGELOG.md beside this file.

 -- $maintainer  $(date --rfc-email --date="@$epoch")
CHANGELOG
    cat > "$doc/copyright" <<'COPYRIGHT'
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: 2026 the aboard authors
License: Apache-2.0
 On Debian systems the text of the Apache License, Version 2.0, is in
 /usr/share/common-licenses/Apache-2.0.
COPYRIGHT

    # The newest symbol that the program takes from the C library says which one it needs.
    local libc
    libc=$(objdump -T "$binary" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -n 1)
    install -d "$tree/DEBIAN"
    cat > "$tree/DEBIAN/control" <<CONTROL
Package: aboard
Version: $version
Architecture: $architecture
Maintainer: $maintainer
Installed-Size: $(du -sk --apparent-size --exclude=DEBIAN "$tree" | cut -f 1)
Depends: libc6 (>= ${libc#GLIBC_}), libgcc-s1, ca-certificates, tzdata
Section: admin
Priority: optional
Description: registers new AWS API Gateway APIs on a schedule
 Looks on a schedule at AWS accounts and regions, compares the APIs in API
 Gateway with its registry of onboarded APIs, and registers the new ones
 where the teams work.
 .
 The service starts when /etc/aboard/schedules.toml is there; an example is
 in /usr/share/doc/aboard/examples.
CONTROL
    for script in postinst prerm postrm; do
        install -m 0755 "packaging/deb/$script" "$tree/DEBIAN/$script"
    done
    (cd "$tree" && find . -type f ! -path './DEBIAN/*' -printf '%P\0' | sort -z | xargs -0 md5sum) > "$tree/DEBIAN/md5sums"
    dated "$tree"
    local file=$out/aboard_${version}_${architecture}.deb
    dpkg-deb --root-owner-group "${compression[@]}" --build "$tree" "$file" > "$work/said" || { cat "$work/said" >&2; exit 1; }
    echo "$file"
}

tarball
deb
