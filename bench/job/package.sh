#!/bin/sh
# The package job: install a package of 40 kB, without a network.
set -eu
cd /tmp
mkdir -p package/DEBIAN package/usr/bin package/usr/share/doc/small
printf 'Package: small\nVersion: 1.0\nArchitecture: all\nMaintainer: a <a@example.com>\nDescription: small\n' >package/DEBIAN/control
head -c 40000 /dev/urandom >package/usr/bin/small
echo nobody >package/usr/share/doc/small/copyright
dpkg-deb --build package small.deb
dpkg --install small.deb
