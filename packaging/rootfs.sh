#!/usr/bin/env bash
# Lays out the root file system of the container image: the program, the libraries that it is linked to, certificates, zone data,
# and a user without a name to log in by. No shell.
#   packaging/rootfs.sh BINARY DIRECTORY
set -euo pipefail

binary=${1:?the program}
root=${2:?the directory to make}

install -D -m 0755 "$binary" "$root/usr/bin/aboard"
# "name => path (address)", and the loader itself as "path (address)"; the kernel's own part has no path.
libraries=$(ldd "$binary" | grep -o '/[^ ]*')
for library in $libraries; do
    install -D -m 0755 "$(readlink -f "$library")" "$root$library"
done
# As one file: the hashed links beside it are for OpenSSL.
install -D -m 0644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
mkdir -p "$root/usr/share"
cp -rL --no-preserve=ownership /usr/share/zoneinfo "$root/usr/share/zoneinfo"
# Without the two other families (with leap seconds, and a second copy of the first).
rm -rf "$root/usr/share/zoneinfo/right" "$root/usr/share/zoneinfo/posix"

mkdir -p "$root/etc/aboard"
printf 'aboard:x:65532:65532:aboard:/:/sbin/nologin\n' > "$root/etc/passwd"
printf 'aboard:x:65532:\n' > "$root/etc/group"
printf 'hosts: files dns\n' > "$root/etc/nsswitch.conf"
# Where volumes go. A new named volume takes its owner from here.
mkdir -p "$root/tmp" "$root/proc" "$root/dev" "$root/sys" "$root/run/aboard" "$root/var/lib/aboard"
chmod 1777 "$root/tmp"
chmod 0700 "$root/var/lib/aboard"
if [ "$(id -u)" = 0 ]; then
    chown 65532:65532 "$root/var/lib/aboard" "$root/run/aboard"
fi
