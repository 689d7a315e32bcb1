"""LiteRT with XNNPACK: Keras's network of the same layers, exported and converted by TensorFlow.

Half precision is asked for as XNNPACK's delegate documents it: weights in fp16, and metadata that allows
fp16 accumulation.
"""

from pathlib import Path

from .packages import environment, run_in
from .peer import Network, Peer, Precision

TOOLS = ("tensorflow-cpu==2.21.0", "keras==3.15.1")
SCRIPT = Path(__file__).parent / "converters" / "keras_to_litert.py"


def convert(network: Network, precision: Precision, folder: Path) -> None:
    """Write model.tflite."""
    run_in(environment(TOOLS), SCRIPT, network.name, precision, folder / "model.tflite")


LITERT = Peer(
    "litert",
    "LiteRT",
    wheels=(
        "ai-edge-litert==2.3.0",
        "numpy==2.4.0",
    ),
    tools=TOOLS,
    script="run_litert.py",
    convert=convert,
    same_weights=False,
)
