"""Make the topologies beside this file: networks exported by others, without their weights.

    .venv/bin/python tests/exports/make.py

Run by hand, where an exporter is to be added or another version of one: a quarter of an hour the first time.
Each script beside it runs in an environment of its own, which is made and kept in armlet's cache: TensorFlow
wants an older onnx than torch. What PyTorch exports is the same to the byte each time; tf2onnx sorts what it
writes anew, and may leave a transposition more or fewer.
"""

import tempfile
from pathlib import Path

import onnx
from topology import strip

from armlet.benchmarks.peers.packages import environment, run_in

HERE = Path(__file__).parent
ENVIRONMENTS = {
    "in_torch.py": [
        *("torch==2.13.0", "torchvision==0.28.0", "timm==1.0.31", "keras==3.15.1", "onnx==1.20.1"),
        *("onnxscript==0.7.2", "onnxslim==0.1.98", "onnxsim==0.8.1"),
    ],
    "in_tensorflow.py": ["tensorflow-cpu==2.15.1", "tf2onnx==1.17.0", "onnx==1.17.0", "numpy<2"],
}

for script, packages in ENVIRONMENTS.items():
    with tempfile.TemporaryDirectory(prefix="armlet-exports-") as folder:
        run_in(environment(packages), HERE / script, folder)
        for path in Path(folder).glob("*.onnx"):
            proto = onnx.load(path)
            strip(proto)
            onnx.save(proto, HERE / path.name)
