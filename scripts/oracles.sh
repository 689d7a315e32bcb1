#!/usr/bin/env bash
# Make .venv-oracles with torchvision, timm and Keras, which tests compare armlet with (tests/oracles). They are
# apart from .venv, for TVM loads torch wherever it finds it. Quick when there is nothing to do; where they cannot
# be had, one line says so, and those tests are skipped.
set -euo pipefail
cd "$(dirname "$0")/.."

read_extra='import tomllib
project = tomllib.load(open("pyproject.toml", "rb"))["project"]
print(*project["optional-dependencies"]["oracles"], sep="\n")'
mapfile -t packages < <(python3 -c "$read_extra")

stamp=.venv-oracles/.made-of
wanted="${packages[*]}"
if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then exit 0; fi

echo "oracles: making .venv-oracles"
if { python3 -m venv .venv-oracles &&
    .venv-oracles/bin/python -m pip install --quiet --disable-pip-version-check --no-compile "${packages[@]}"; } \
    >.oracles.log 2>&1; then
    rm -f .oracles.log
    echo "$wanted" >"$stamp"
else
    echo "oracles: torchvision, timm and Keras are not to be had: their tests are skipped (see .oracles.log)" >&2
fi
