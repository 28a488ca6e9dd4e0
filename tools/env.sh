#!/bin/sh
# Sets up .venv from requirements.lock and pyproject.toml; `make env` and all that needs it run this.
# `env.sh extra` sets up .venv-extra from requirements-extra.lock in the same way: the second MediaPipe
# and what else only a few tests need, without torch.
# Costs nothing when all is as it should be. One that is half made, broken, moved or made from
# another lock is made anew; after a change of pyproject.toml alone only ocim itself is installed again.
# PYTHON names the Python to use; otherwise the first of python3.11, python3.12, python3 that fits.
# `env.sh python` only says which one that is.
set -u
cd "$(dirname "$0")/.." || exit 1
unset PYTHONPATH PYTHONHOME PIP_USER PIP_TARGET PIP_PREFIX VIRTUAL_ENV
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

venv=.venv
lock=requirements.lock
torch=$(sed -n 's/^ *"\(torch==[^"]*\)".*/\1/p' pyproject.toml)
cost="about 2 minutes, 3 GB; more where torch comes with CUDA"
if [ "${1:-}" = extra ]; then
    venv=.venv-extra
    lock=requirements-extra.lock
    torch=
    cost="about 2 minutes, 3 GB"
fi
log=$venv/setup.log
lock_stamp="$(pwd -P) $(cksum <$lock) $(cksum <tools/env.sh)"
project_stamp=$(cksum <pyproject.toml)

fail() {
    why=$(grep -iE 'no space left|error' "$log" 2>/dev/null | tail -n 1)
    [ -n "$why" ] || why=$(grep -v '^WARNING' "$log" 2>/dev/null | tail -n 1)
    echo "setting up $venv failed at: $1: ${why:-no message} (more in $log; then run it again)" >&2
    exit 1
}

step() { # step WHAT COMMAND...: runs the command with its output in the log
    what=$1 && shift
    echo "  $what"
    "$@" >>"$log" 2>&1 || fail "$what"
}

install() { "$venv/bin/python" -m pip --quiet install "$@"; }

check() { # pip check; the second environment lacks some of what ocim asks for, on purpose
    found=$("$venv/bin/python" -m pip check) && return
    [ -n "$torch" ] || found=$(echo "$found" | grep -v '^ocim .* which is not installed')
    [ -z "$found" ] || { echo "$found" && return 1; }
}

install_ocim() { # the last steps; ready has the lock's stamp before them, the project's after
    echo "$lock_stamp" >$venv/ready || fail "writing $venv/ready"
    step "ocim itself" install --no-deps --no-build-isolation --editable .
    step "pip check (after a change of dependencies: make lock)" check
    echo "$project_stamp" >>$venv/ready || fail "writing $venv/ready"
}

# The Python behind a candidate (not the one that may have to go, nor a launcher); nothing if unfit.
behind() {
    "$1" -c 'import sys, ensurepip, venv
if sys.version_info[:2] in ((3, 11), (3, 12)): print(sys._base_executable)' 2>/dev/null
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then set -- "$PYTHON"; else set -- python3.11 python3.12 python3; fi
    for candidate in "$@"; do
        base=$(behind "$candidate") && [ -n "$base" ] && return
    done
    echo "no Python 3.11 or 3.12 with its venv module among: $*; install one (on Debian and Ubuntu:" \
        "python3.11-venv) or name it: make env PYTHON=/path/to/python3.11" >&2
    exit 1
}

working() { # it was finished once, its Python is still there, and is the one asked for
    [ -f $venv/ready ] && here=$(behind $venv/bin/python) && [ -n "$here" ] || return 1
    [ -z "${PYTHON:-}" ] || [ "$(behind "$PYTHON")" = "$here" ]
}

if [ "${1:-}" = python ]; then
    find_python
    echo "$base"
    exit 0
fi
if working && [ "$(sed -n 1p $venv/ready)" = "$lock_stamp" ]; then
    [ "$(sed -n 2p $venv/ready)" = "$project_stamp" ] && exit 0
    echo "pyproject.toml has changed: bringing $venv up to date"
    : >"$log"
    install_ocim
    exit 0
fi

find_python
echo "setting up $venv with $("$base" --version) ($cost)"
rm -rf $venv && mkdir $venv || fail "replacing $venv"
step "making $venv" "$base" -m venv $venv
# setuptools first: it builds the one package that has no wheel, and ocim.
awk '/^[^ ]/ { wanted = /^setuptools==/ } wanted' $lock >$venv/setuptools.lock
step "setuptools" install --require-hashes --no-deps -r $venv/setuptools.lock
step "$(grep -c '^[^#]*==' $lock) locked packages" \
    install --require-hashes --no-deps --no-build-isolation -r $lock
if [ -n "$torch" ]; then
    # torch's own dependencies are installed by now; the constraint keeps pip from moving any of them.
    sed -n 's/^\([^ #]*==[^ ]*\).*/\1/p' $lock >$venv/constraints.txt
    step "$torch" install -c $venv/constraints.txt "$torch"
fi
install_ocim
echo "$venv is ready"
