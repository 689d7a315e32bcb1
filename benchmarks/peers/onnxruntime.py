"""ONNX Runtime, which runs armlet's ONNX as it is built; its kernels for ARM compute in fp32."""

from pathlib import Path

from armlet.frontend import save

from .peer import Network, Peer, Precision


def convert(network: Network, precision: Precision, folder: Path) -> None:
    """Write model.onnx."""
    save(network.build(), folder / "model.onnx")


ONNXRUNTIME = Peer(
    "onnxruntime",
    "ONNX Runtime",
    wheels=("onnxruntime==1.31.1", "numpy==2.4.0"),
    tools=(),
    script="run_onnxruntime.py",
    convert=convert,
    precisions=("fp32",),
)
