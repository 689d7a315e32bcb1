"""Networks in the peers' own formats, kept in the cache, and what they have to put out."""

import functools
import hashlib
from pathlib import Path

import numpy as np
import onnx_ir as ir

from armlet.cache import built_once, cache_folder
from armlet.errors import ArmletError
from armlet.passes.verify import Runner, relative_error

from .peer import Network, Peer, Precision

IMAGE = np.random.default_rng(0).standard_normal((1, 3, 224, 224), dtype=np.float32)
# Of the output's range; in half precision rounding adds up over fifty layers.
TOLERANCES: dict[Precision, float] = {"fp32": 1e-3, "fp16": 0.1, "default": 0.1}


def converted(peer: Peer, network: Network, precision: Precision) -> Path:
    """The folder with the model that `peer` runs; raises ArmletError if it cannot be converted."""
    folder = cache_folder("peers", "models") / model_name(peer, network, precision)
    with built_once(folder) as draft:
        if draft:
            peer.convert(network, precision, draft)
    return folder


def model_name(peer: Peer, network: Network, precision: Precision) -> str:
    """A name of its own for what other tools or another network would make another model."""
    key = digest(*peer.tools, hashlib.sha256(_graph(network)).hexdigest())
    return f"{peer.name}-{network.name}-{precision}-{key}"


def check_output(what: str, network: Network, precision: Precision, output: np.ndarray) -> float:
    """How far `what`'s output for IMAGE is from ONNX Runtime's, its optimiser off, in parts of its range.

    Raises ArmletError if it is too far.
    """
    error = relative_error(_reference(network), [output])
    if not error <= TOLERANCES[precision]:
        raise ArmletError(
            f"{what}: the output differs from ONNX Runtime's by {error:.1e} of its range, expected at most "
            f"{TOLERANCES[precision]:g}: the conversion is wrong"
        )
    return error


def digest(*parts: str) -> str:
    """A short name for what is made of `parts`."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


@functools.cache
def _reference(network: Network) -> list[np.ndarray]:
    return Runner(network.build())({"image": IMAGE})


@functools.cache
def _graph(network: Network) -> bytes:
    return ir.to_proto(network.build()).graph.SerializeToString()
