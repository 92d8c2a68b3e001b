#!/bin/sh
# Makes the environment the other commands run in: `bootstrap.sh run` for the store
# itself, `bootstrap.sh dev` for its tests and checks too. Says one sentence when it
# cannot. Nothing happens when the environment is already what the requirements say.
#
# VENV    where it is (default: .venv beside the Makefile)
# PYTHON  the Python to make it with (default: the first on PATH that is new enough)
#
# The environment keeps a copy of every requirements file it was made from, written
# only when the installation is through: what differs from them is not ready.
set -eu

kind=${1:-run}
venv=${VENV:-.venv}
cd "$(dirname "$0")/.."
case $venv in /*) ;; *) venv=$PWD/$venv ;; esac
made=$venv/made-from

say() { printf 'objectstore: %s\n' "$1" >&2; }
give_up() { say "$1"; exit 1; }

# Scripts inside an environment hold its path, so one that was moved is not ready.
in_place() { [ -x "$venv/bin/python" ] && [ "$(cat "$made/path" 2>/dev/null)" = "$venv" ]; }
has() { cmp -s "$1" "$made/$1"; }
ready() {
    in_place && has requirements.txt || return 1
    [ "$kind" = run ] || has requirements-dev.txt
}

supported() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
find_python() {
    for python in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python}; do
        if supported "$python"; then command -v "$python"; return; fi
    done
    give_up "Python 3.11 or newer is needed and ${PYTHON:-python3} is not that: install it (Debian and Ubuntu: apt install python3 python3-venv) or name one, as in PYTHON=/opt/python/bin/python3 make run"
}

# Of two starting at once the second waits here; the lock ends with this process.
one_at_a_time() {
    exec 9<.
    "$1" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)' 2>/dev/null || true
}

check_venv_module() {
    command -v uv >/dev/null 2>&1 || "$1" -c 'import venv, ensurepip' 2>/dev/null ||
        give_up "$1 has no venv module: install it (Debian and Ubuntu: apt install python3-venv) and run make again"
}

make_venv() {
    rm -rf "$made"
    if command -v uv >/dev/null 2>&1; then
        uv venv --quiet --clear --no-project --python "$1" "$venv" && return
    fi
    "$1" -m venv --clear "$venv" || give_up "cannot make the environment $venv: free some space or remove that folder, and run make again"
}

# uv is pinned with the rest; it installs in 3 s what takes pip 23 s, and that is all
# it is for: where it cannot be had, pip does the same.
find_uv() {
    if command -v uv >/dev/null 2>&1; then command -v uv; return; fi
    if [ ! -x "$venv/bin/uv" ]; then
        pinned=$(mktemp)
        sed -n '/^uv==/,/[^\\]$/p' requirements-dev.txt >"$pinned"
        [ ! -s "$pinned" ] || "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
            --require-hashes -r "$pinned" >/dev/null 2>&1 || true
        rm -f "$pinned"
    fi
    [ ! -x "$venv/bin/uv" ] || echo "$venv/bin/uv"
}

install() {
    uv=$(find_uv)
    if [ -n "$uv" ]; then
        "$uv" pip install --quiet --python "$venv/bin/python" --require-hashes -r "$1"
    else
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$1"
    fi || give_up "could not install $1: see above, check that this machine reaches a package index, and run make again"
}

ready && exit 0
[ -w . ] || give_up "cannot write to $PWD: make the folder writable for this user, or copy it to one that is"
python=$(find_python)
check_venv_module "$python"
one_at_a_time "$python"
ready && exit 0

# Without a home of one's own there is no place for a package cache.
[ -w "${HOME:-/nonexistent}" ] || export UV_NO_CACHE=1 PIP_NO_CACHE_DIR=1
export UV_LINK_MODE="${UV_LINK_MODE:-copy}" UV_COMPILE_BYTECODE=1

requirements=requirements.txt
[ "$kind" = run ] || requirements=requirements-dev.txt
say "installing $requirements into $venv (once)"
# Adding the tests' packages to a running store's environment changes none of its own.
if in_place && has requirements.txt && supported "$venv/bin/python"; then
    rm -f "$made/requirements-dev.txt"
else
    make_venv "$python"
fi
install "$requirements"

mkdir -p "$made"
printf '%s\n' "$venv" >"$made/path"
[ "$kind" = run ] || cp requirements-dev.txt "$made/requirements-dev.txt"
cp requirements.txt "$made/requirements.txt.new"
mv "$made/requirements.txt.new" "$made/requirements.txt"
