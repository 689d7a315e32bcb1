#!/usr/bin/env bash
# Make .venv-oracles with torchvision, timm and Keras, which tests compare armlet with (tests/oracles). They are
# apart from .venv, for TVM loads torch wherever it finds it. Quick when there is nothing to do; where the
# frameworks cannot be had, this says so in one line, and those tests are skipped.
set -euo pipefail
cd "$(dirname "$0")/.."

stamp=.venv-oracles/.made-of
wanted=$(sha256sum <scripts/oracles.sh)
[ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ] || exit 0

echo "oracles: making .venv-oracles"
pip=(.venv-oracles/bin/python -m pip install --quiet --disable-pip-version-check --no-compile)
# torchvision's wheel asks for the torch it was built with, and needs none of its code here: no dependencies.
if { python3 -m venv .venv-oracles &&
    "${pip[@]}" torch==2.13.0 timm==1.0.31 keras==3.15.1 --constraint <(echo torchvision==0) ||
    false; } >.setup.log 2>&1; then
    echo "$wanted" >"$stamp"
fi
