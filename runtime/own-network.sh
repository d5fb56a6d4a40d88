#!/bin/sh
# Runs a command in network and process namespaces of its own: a second suite fits on this machine.
# Usage: runtime/own-network.sh make test        (root, or a kernel that lets users unshare)
# (Processes too, because the Dapr CLI takes the ports of any daprd it sees for taken.)
set -eu
flags="-n"
[ "$(id -u)" -eq 0 ] || flags="-rn"
# Sidecars find each other by multicast, which loopback does not route by itself. The shell stays
# as the first process of the namespace; when the command ends, so does all that it left behind.
exec unshare "$flags" --pid --fork --mount-proc sh -c '
    ip link set lo up multicast on && ip route add 224.0.0.0/4 dev lo && "$@"
    exit $?
' own-network "$@"
