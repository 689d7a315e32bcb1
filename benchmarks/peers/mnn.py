"""MNN, by its converter from ONNX. The precision is an option of the run.

Called is the converter's C module: the command-line tools around it, when imported, install packages.
"""

from pathlib import Path

from armlet.frontend import save

from .packages import environment, run_in
from .peer import Network, Peer, Precision

TOOLS = ("MNN==3.6.1", "numpy==2.4.0")
SCRIPT = Path(__file__).parent / "converters" / "onnx_to_mnn.py"


def convert(network: Network, precision: Precision, folder: Path) -> None:
    """Write model.mnn."""
    save(network.build(), folder / "model.onnx")
    run_in(environment(TOOLS), SCRIPT, folder / "model.onnx", folder / "model.mnn")


MNN = Peer("mnn", "MNN", wheels=TOOLS, tools=TOOLS, script="run_mnn.py", convert=convert)
