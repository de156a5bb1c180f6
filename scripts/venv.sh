#!/bin/sh
# Makes the virtual environment .venv and installs Tradewind into it, editable.
#   scripts/venv.sh        what running needs
#   scripts/venv.sh dev    and what tests and checks need
# Does nothing when .venv is newer than pyproject.toml and was made for as much.
set -eu
cd "$(dirname "$0")/.."
want=${1:-run}
stamp=.venv/.tradewind-$want

if [ -f "$stamp" ] && [ ! pyproject.toml -nt "$stamp" ] && .venv/bin/python -c 'import sys' 2>/dev/null; then
    exit 0
fi

say() { printf '%s\n' "$*" >&2; }

python=${PYTHON:-}
if [ -z "$python" ]; then
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null 2>&1 &&
            "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            python=$name
            break
        fi
    done
fi
if [ -z "$python" ]; then
    say "Tradewind needs Python 3.11 or newer, and found none (python3, python3.11 … python3.14)."
    say "On Debian or Ubuntu: apt-get install python3 python3-venv; or name one: make PYTHON=/path/to/python3.12 …"
    exit 1
fi

# Debian and Ubuntu ship `venv` without `ensurepip` unless python3-venv is installed.
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
        say "Python $version has no venv module: installing python$version-venv"
        apt-get update -q >&2
        DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "python$version-venv" >&2
    else
        say "Python $version has no venv module. Install it, then run the same command again:"
        say "    sudo apt-get install python$version-venv"
        exit 1
    fi
fi

if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    say "Making the virtual environment .venv with $("$python" --version)"
    rm -rf .venv
    "$python" -m venv .venv
fi

say "Installing Tradewind and what it needs into .venv (the first time this takes a while)"
if [ "$want" = dev ]; then
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --editable . --group dev
else
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --editable .
fi
# An environment that forbids writing byte code would otherwise compile every module at every start.
.venv/bin/python -m compileall -q services shared proto >/dev/null || true
touch "$stamp"
