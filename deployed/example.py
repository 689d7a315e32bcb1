"""Computes the sample with the C library, by Python alone: python3 example.py [INPUT.bin]."""

import array
import ctypes
import json
import math
import sys
from pathlib import Path

manifest = json.loads(Path("manifest.json").read_text())
name, workspace_bytes = manifest["c_library"]["name"], manifest["arena"]["bytes"]
library = ctypes.CDLL(f"./c/lib{name}.so")

inputs = [array.array("B", Path(file).read_bytes()) for file in sys.argv[1:] or ["input.bin"]]
outputs = []
for output in manifest["outputs"]:
    number = getattr(ctypes, f"c_{output['type'].replace('float32', 'float')}")
    outputs.append((number * math.prod(output["shape"]))())
workspace = ctypes.create_string_buffer(workspace_bytes + 64)

getattr(library, f"{name}_run")(
    (ctypes.c_void_p * len(inputs))(*(each.buffer_info()[0] for each in inputs)),
    (ctypes.c_void_p * len(outputs))(*map(ctypes.addressof, outputs)),
    ctypes.c_void_p((ctypes.addressof(workspace) + 63) // 64 * 64),
)
print("largest at", max(range(len(outputs[0])), key=outputs[0].__getitem__))
