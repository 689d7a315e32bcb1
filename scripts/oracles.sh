#!/usr/bin/env bash
# Make .venv-oracles with torchvision, timm and Keras, which tests compare armlet with (tests/oracles). They are
# apart from .venv, for TVM loads torch wherever it finds it. Quick when there is nothing to do; where they cannot
# be had, one line says so, and those tests are skipped.
set -euo pipefail
cd "$(dirname "$0")/.."

stamp=.venv-oracles/.made-of
wanted=$(sha256sum <scripts/oracles.sh)
if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then exit 0; fi

install() { .venv-oracles/bin/python -m pip install --quiet --disable-pip-version-check --no-compile "$@"; }

# torch first, and torchvision without its dependencies: each asks for other builds of the other.
make() {
    python3 -m venv .venv-oracles &&
        install torch==2.13.0 'numpy<2.5' pillow safetensors h5py &&
        install --no-deps torchvision==0.28.0 &&
        install timm==1.0.31 keras==3.15.1
}

echo "oracles: making .venv-oracles"
if make >.oracles.log 2>&1; then
    rm -f .oracles.log
    echo "$wanted" >"$stamp"
else
    echo "oracles: torchvision, timm and Keras are not to be had here: their tests are skipped (see .oracles.log)" >&2
fi
