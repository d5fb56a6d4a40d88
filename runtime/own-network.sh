#!/bin/sh
# Runs a command in a network namespace of its own, so that a second suite fits on this machine.
# Usage: runtime/own-network.sh make test        (root, or a kernel that lets users unshare)
set -eu
flags="-n"
[ "$(id -u)" -eq 0 ] || flags="-rn"
# Sidecars find each other by multicast, which loopback does not route by itself.
exec unshare "$flags" sh -c '
    ip link set lo up multicast on && ip route add 224.0.0.0/4 dev lo && exec "$@"
' own-network "$@"
