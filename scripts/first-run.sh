#!/usr/bin/env bash
# What `make run` shows: MobileNetV3-Small from its table to an ARM64 phone, the phone emulated.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
mkdir -p out

show() { printf '\n$ %s\n' "$*"; "$@"; }

core=cortex-a76
device=emulated:$core
if ! why=$(armlet devices "$device"); then
    printf 'No emulated phone here, so the same on this machine. What is missing:\n%s\n' "$why"
    core=host device=host
fi

python scripts/picture.py out/picture.png
show armlet build mobilenet_v3_small -o out/small.onnx --force
show armlet optimize out/small.onnx -o out/small-optimized.onnx --force
show armlet compile out/small.onnx -o "out/small-$core" --target "$core" --force
show armlet run "out/small-$core" --device "$device" --input out/picture.png

cat <<'END'

Next:
  armlet models                                                      what can be built
  armlet compile mobilenet_v3_large -o out/large --target cortex-a72  for a Raspberry Pi 4
  armlet compile out/small.onnx -o out/phone --target cortex-a76 --os android
  armlet compile out/small.onnx -o out/host --target host && armlet bench out/host --device host
  armlet doctor                                                      what is installed, what is missing
END
