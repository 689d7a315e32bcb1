"""Prove the compiled network against ONNX Runtime, on a device that runs it."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from .. import artifact
from ..errors import ArmletError
from ..passes.verify import Reference, relative_error
from ..targets import Core, Device, find_witness
from ..targets.devices import Program
from .layout import Layout, array_in

# Relative to the range of the output.
TOLERANCE = 1e-4


def verify(
    library: Path, references: Sequence[Reference], layout: Layout, core: Core, device: Device | None
) -> dict[str, Any]:
    """The worst error of `library`, compiled for `core`, on `device`, as the report has it.

    Without `device`, on the one of this machine that runs such code; if there is none, the report says why.
    Raises ArmletError if the error is past the tolerance, DeviceError if the device is lost.
    """
    if device is None:
        try:
            device = find_witness(core)
        except ArmletError as error:
            return {"device": None, "worst_error": None, "tolerance": TOLERANCE, "reason": str(error)}

    def worst_of(*some: Reference) -> float:
        with device.connect() as session:
            program = session.load(library)
            return max(_error(program, reference, layout) for reference in some)

    if device.measures_time:
        worst = worst_of(*references)
    else:
        # An emulated device is a process of its own each time: there may be one for each.
        with ThreadPoolExecutor(len(references)) as pool:
            worst = max(pool.map(worst_of, references))
    if not worst <= TOLERANCE:
        raise ArmletError(
            f"the compiled network is off by {worst:.1e} of its output's range on {device.uri}, expected "
            f"at most {TOLERANCE:.0e}: report this model as a bug of armlet"
        )
    return {"device": device.uri, "worst_error": worst, "tolerance": TOLERANCE, "reason": None}


def _error(program: Program, reference: Reference, layout: Layout) -> float:
    inputs, outputs = (
        [array_in(layout, array) for array in arrays]
        for arrays in (reference.inputs.values(), reference.outputs)
    )
    return relative_error(outputs, program.run(inputs))


def save_sample(folder: Path, sample: Reference, layout: Layout) -> None:
    """Write the sample input and the first output expected for it, as the compiled network has them."""
    (folder / artifact.SAMPLE_INPUT).parent.mkdir()
    (image,) = sample.inputs.values()
    np.save(folder / artifact.SAMPLE_INPUT, array_in(layout, image))
    np.save(folder / artifact.SAMPLE_OUTPUT, array_in(layout, sample.outputs[0]))
