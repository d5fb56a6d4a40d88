#!/bin/sh
# Makes .venv, also where Debian's python3 lacks the venv module. Says one line when it cannot.
set -eu
fail() { echo "$1" >&2; exit 1; }
python="${PYTHON:-python3}"
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
