#!/bin/sh
# Makes .venv, also where Debian's python3 lacks the venv module. Says one line when it cannot.
set -eu
fail() { echo "$1" >&2; exit 1; }
python="${PYTHON:-python3}"
# Root gives each service a user of its own (docs/decisions/0012); they need a Python in reach.
in_reach() {
    real=$("$1" -c 'import os, sys; print(os.path.realpath(sys.executable))') &&
        # By way of sh: setpriv itself still has root's rights when it looks for its program.
        setpriv --reuid 61101 --regid 61101 --clear-groups sh -c 'exec "$0" -c "import encodings"' "$real" 2>/dev/null
}
if [ "$(id -u)" -eq 0 ] && [ -z "${PYTHON:-}" ] && ! in_reach "$python"; then
    if /usr/bin/python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=/usr/bin/python3
    else
        echo "services will share root's user: others cannot run $(command -v "$python")" >&2
    fi
fi
command -v "$python" >/dev/null || fail "Python 3.11 or later is needed: install python3."
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "Python 3.11 or later is needed; this is $("$python" --version). Set PYTHON=/path/to/it."
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    package="python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
    if [ "$(id -u)" -eq 0 ]; then sudo=""
    elif command -v sudo >/dev/null; then sudo="sudo"
    else fail "Python's venv module is missing: run 'apt-get install $package' as root."
    fi
    command -v apt-get >/dev/null || fail "Python's venv module is missing: install $package."
    echo "installing $package"
    install="$sudo env DEBIAN_FRONTEND=noninteractive apt-get -q"
    $install install -y "$package" >/dev/null 2>&1 ||
        { $install update >/dev/null 2>&1 && $install install -y "$package" >/dev/null 2>&1; } ||
        fail "Python's venv module is missing and 'apt-get install $package' failed."
fi
rm -rf .venv
"$python" -m venv .venv
