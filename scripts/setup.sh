#!/usr/bin/env bash
# What `make setup` does: a virtual environment with the locked requirements and the native module, in .venv.
#
#   scripts/setup.sh [run] [dev] [load]     default: run
#
# `dev` builds the fault proxy too, a program of the tests.
#
# Quick when nothing changed: each part leaves a stamp with the hash of all that went into it.
# PYTHON=… names the interpreter to build .venv with, 3.11 or newer. Default: the system's, then the one in PATH, since
# distributions build theirs with profile-guided optimisation and version managers mostly don't: 15 % of an exchange's CPU.
set -euo pipefail
cd "$(dirname "$0")/.."

VENV=.venv
STAMPS=$VENV/.stamps
MIN_MINOR=11

say() { printf '\033[1m== %s\033[0m\n' "$*" >&2; }
[ -t 2 ] && [ -z "${NO_COLOR:-}" ] || say() { printf '== %s\n' "$*" >&2; }
die() {
    printf 'error: %s\n' "$1" >&2
    [ $# -lt 2 ] || printf '\nhint: %s\n' "$2" >&2
    exit 2
}

new_enough() { "$1" -c "import sys; raise SystemExit(sys.version_info < (3, $MIN_MINOR))" 2>/dev/null; }

find_python() {
    local module candidate
    for module in ensurepip sys; do # one that can make an environment by itself, else one whose `venv` says what it lacks
        for candidate in ${PYTHON:-/usr/bin/python3 python3 python3.13 python3.12 python3.11}; do
            if command -v "$candidate" >/dev/null && new_enough "$candidate" && "$candidate" -c "import $module" 2>/dev/null; then
                echo "$candidate"
                return
            fi
        done
    done
    die "Python 3.$MIN_MINOR or newer is needed, but ${PYTHON:-python3} is $("${PYTHON:-python3}" --version 2>&1 || true)." \
        "install a newer one (Debian: apt-get install python3 python3-venv), or name it: make setup PYTHON=/path/to/python3.12"
}

# Stamps hold a hash; `fresh NAME HASH` answers whether part NAME was made from the same input.
fresh() { [ -f "$STAMPS/$1" ] && [ "$(cat "$STAMPS/$1")" = "$2" ]; }
stamp() { mkdir -p "$STAMPS" && printf '%s\n' "$2" >"$STAMPS/$1"; }
hash_of() { cat "$@" | sha256sum | cut -c1-64; }

make_venv() {
    if [ -x $VENV/bin/python ] && new_enough $VENV/bin/python; then
        return
    fi
    local python
    python=$(find_python)
    say "creating $VENV with $("$python" --version)"
    rm -rf $VENV
    "$python" -m venv $VENV || die "\`$python -m venv\` failed." "on Debian the module is a package of its own: apt-get install python3-venv"
}

install_requirements() { # NAME FILE...
    local name=$1 hash args=() file
    shift
    hash=$(hash_of "$@")
    fresh "$name" "$hash" && return
    say "installing $*"
    for file in "$@"; do args+=(-r "$file"); done
    $VENV/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes "${args[@]}"
    stamp "$name" "$hash"
}

find_cargo() {
    if ! command -v cargo >/dev/null && [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; then
        PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH
    fi
    if ! command -v cargo >/dev/null; then
        command -v curl >/dev/null || die "Rust is needed to build the native module, and neither cargo nor curl is there." \
            "install curl, or Rust itself: https://rustup.rs"
        say "installing Rust with rustup"
        curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --quiet --no-modify-path --profile minimal --default-toolchain none
        PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH
    fi
    # rust-toolchain.toml names the toolchain; rustup fetches it on first use, or here if it is told not to.
    if command -v rustup >/dev/null && ! cargo --version >/dev/null 2>&1; then
        say "installing the toolchain of rust-toolchain.toml"
        rustup toolchain install
    fi
    command -v cc >/dev/null || die "A C compiler is needed to build the native module." "on Debian: apt-get install build-essential"
}

# The built module itself: one that somebody built over ours (a debug build, say) is not what we promise.
built() { cat gateway/_native*.so 2>/dev/null | sha256sum | cut -c1-16; }

build_native() {
    local hash
    hash=$({
        find native \( -name target -o -name faultproxy \) -prune -o -type f \( -name '*.rs' -o -name '*.toml' -o -name Cargo.lock \) -print0 | sort -z | xargs -0 sha256sum
        sha256sum rust-toolchain.toml pyproject.toml
        $VENV/bin/python --version
    } | sha256sum | cut -c1-64)
    if fresh native "$hash $(built)" && [ -x $VENV/bin/agentcc ]; then
        return
    fi
    find_cargo
    say "building gateway._native in release (the first time takes a few minutes)"
    # pip calls `maturin` by name
    PATH=$PWD/$VENV/bin:$PATH $VENV/bin/python -m pip install --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation --editable .
    stamp native "$hash $(built)"
}

# The tests' fault proxy: where Rust is there already. Without it they skip what needs it, and say so.
build_faultproxy() {
    local hash
    hash=$(hash_of native/faultproxy/Cargo.toml native/faultproxy/src/*.rs native/Cargo.toml native/Cargo.lock rust-toolchain.toml)
    fresh faultproxy "$hash" && [ -x native/target/release/agentcc-faultproxy ] && return
    [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ] || command -v cargo >/dev/null || return 0
    find_cargo
    say "building the tests' fault proxy"
    cargo build --manifest-path native/Cargo.toml --package agentcc-faultproxy --release --locked --quiet
    stamp faultproxy "$hash"
}

# One at a time: two `make` in one tree would write the same files.
if command -v flock >/dev/null; then
    exec 9>.setup.lock
    flock 9
fi
make_venv
for part in "${@:-run}"; do
    case $part in
    run)
        install_requirements run requirements.txt requirements-build.txt
        build_native
        ;;
    dev)
        install_requirements dev requirements-dev.txt
        build_faultproxy
        ;;
    load) install_requirements load requirements-load.txt ;;
    *) die "unknown part \`$part\`." "parts are run, dev and load" ;;
    esac
done
