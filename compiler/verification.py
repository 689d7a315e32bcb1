"""Prove the compiled network against ONNX Runtime, on a device that runs it."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import artifact
from ..errors import ArmletError
from ..passes.verify import Margins, Reference, relative_error
from ..targets import Core, Device, find_witness
from ..threads import side_by_side
from .layout import Layout, array_in, input_in
from .precision import Precision

# Relative to the range of the output; docs/half-precision.md derives that of half precision.
TOLERANCES: Mapping[Precision, float] = {"fp32": 1e-4, "fp16": 2e-2}


def verify(
    library: Path,
    references: Sequence[Reference],
    precision: Precision,
    layout: Layout,
    core: Core,
    device: Device | None,
) -> dict[str, Any]:
    """The worst error of `library`, compiled for `core`, on `device`, as the report has it.

    Half precision is held against the first of the `references`, the ordinary one, alone: others leave its
    range. Without `device`, it is the one of this machine that runs such code; if there is none, the report
    says why. Raises ArmletError if the error is past the tolerance, DeviceError if the device is lost.
    """
    tolerance = TOLERANCES[precision]
    if device is None:
        try:
            device = find_witness(core)
        except ArmletError as error:
            return {
                **{"device": None, "worst_error": None, "signal_to_noise_db": None},
                **{"tolerance": tolerance, "reason": str(error)},
            }

    def run(*some: Reference) -> list[list[np.ndarray]]:
        with device.connect() as session:
            program = session.load(library)
            inputs = ([input_in(layout, array) for array in one.inputs.values()] for one in some)
            return list(map(program.run, inputs))

    tried = references[:1] if precision == "fp16" else references
    if device.measures_time:
        results = run(*tried)
    else:
        # An emulated device is a process of its own each time: there may be one for each.
        with side_by_side() as pool:
            results = [result for (result,) in pool.map(run, tried)]
    wanted = [[array_in(layout, output) for output in reference.outputs] for reference in tried]
    worst = max(map(relative_error, wanted, results, (_margins_in(layout, each.margins) for each in tried)))
    if not worst <= tolerance:
        raise ArmletError(
            f"the compiled network is off by {worst:.1e} of its output's range on {device.uri}, expected "
            f"at most {tolerance:.0e}: report this model as a bug of armlet"
        )
    noise = min(map(signal_to_noise, wanted, results))
    return {
        **{"device": device.uri, "worst_error": worst, "signal_to_noise_db": round(noise, 1)},
        **{"tolerance": tolerance, "reason": None},
    }


def signal_to_noise(wanted: Sequence[np.ndarray], got: Sequence[np.ndarray]) -> float:
    """The power of an output above that of its error, in dB; the worst of several outputs."""
    # Of an output without error the ratio is large, and a number still: JSON has no infinity.
    smallest = 1e-200

    def of_output(want: np.ndarray, out: np.ndarray) -> float:
        signal, noise = (np.square(part.astype(np.float64)).mean() for part in (want, out - want))
        return 10 * math.log10(max(signal, smallest) / max(noise, smallest))

    return min(map(of_output, wanted, got))


def _margins_in(layout: Layout, margins: Margins) -> Margins:
    return [margin if margin is None else array_in(layout, margin) for margin in margins]


def save_sample(folder: Path, sample: Reference, layout: Layout) -> None:
    """Write the sample input and the first output expected for it, as the compiled network has them.

    Where that is labels, also how clear each is.
    """
    (folder / artifact.SAMPLE_INPUT).parent.mkdir()
    (image,) = sample.inputs.values()
    np.save(folder / artifact.SAMPLE_INPUT, input_in(layout, image))
    np.save(folder / artifact.SAMPLE_OUTPUT, array_in(layout, sample.outputs[0]))
    (margin, *_) = _margins_in(layout, sample.margins)
    if margin is not None:
        np.save(folder / artifact.SAMPLE_MARGIN, margin)
