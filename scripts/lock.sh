#!/usr/bin/env bash
# What `make lock` does: requirements*.txt from requirements*.in, with the hashes of every published file.
#
#   scripts/lock.sh          keep the locked versions where they still fit
#   scripts/lock.sh 1        take the newest versions
#   scripts/lock.sh NAME     take the newest version of one package
set -euo pipefail
cd "$(dirname "$0")/.."

upgrade=()
case ${1:-} in
'') ;;
1) upgrade=(--upgrade) ;;
*) upgrade=(--upgrade-package "$1") ;;
esac

# A folder of local wheels (PIP_FIND_LINKS) would put its own builds' hashes into the files.
unset PIP_FIND_LINKS
# In this order: each one is held to what the ones before it locked.
for name in requirements requirements-build requirements-dev requirements-load; do
    echo "locking $name.txt" >&2
    CUSTOM_COMPILE_COMMAND="make lock" .venv/bin/pip-compile --quiet --generate-hashes --no-emit-index-url \
        --no-emit-find-links --strip-extras --allow-unsafe "${upgrade[@]}" --output-file "$name.txt" "$name.in"
done
