#!/bin/sh
# Installs what `make test-system` judges with, on Debian or Ubuntu, as root.
set -eu
packages="chromium chromium-driver cloud-init shellcheck dash curl iproute2 systemd mmdebstrap openssl qemu-system-x86 libvirt-clients libvirt-daemon-driver-qemu xorriso e2fsprogs buildah podman runc valgrind"
missing=''
# The npm of others comes with their nodejs, and does not go with Debian's.
command -v npm >/dev/null || packages="$packages nodejs npm"
for package in $packages; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
if [ -z "$missing" ]; then
    exit 0
fi
if [ "$(id -u)" != 0 ]; then
    echo "make test-system needs root, to install:$missing" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086 # a list of words
apt-get install -y -qq --no-install-recommends $missing >/dev/null
