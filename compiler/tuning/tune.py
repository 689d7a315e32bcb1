"""Find the best parameters for the kernels of a network."""

import tempfile
from pathlib import Path

import onnx_ir as ir

from ...passes import optimize
from ...targets import AS_USUAL, Conditions, Core, Device, SimulatedDevice
from ..precision import Precision
from ..prepare import prepare
from .database import Database
from .network import Network
from .on_device import tune_on_devices
from .simulated import tune_on_simulated_core
from .standing import Progress, Tuning


def tune_model(
    model: ir.Model,
    core: Core,
    device: Device | SimulatedDevice,
    database: Path,
    *,
    precision: Precision = "fp32",
    trials: int | None = None,
    conditions: Conditions = AS_USUAL,
    progress: Progress = lambda what, part, standing: None,
) -> Tuning:
    """Measure on `device` the candidates for the kernels of `model`, compiled for `core`.

    Records are kept in the file `database`; what it has is not measured again, so that a run that was ended
    goes on where it was. At most so many `trials` are measured, all if None, on a real device under
    `conditions`; then the best are ranked again. `progress` is called as `standing` has it.

    Raises UsageError if the device cannot measure or the file not be read, InvalidModelError if the model
    cannot be compiled, InvalidArtifactError if the file is no database.
    """
    known = Database.open(database)
    progress("optimise", 0.0, None)
    fused = prepare(optimize(model), precision, core).model
    # An interrupted run waits for no round, which may still write here.
    with tempfile.TemporaryDirectory(prefix="armlet-tune-", ignore_cleanup_errors=True) as folder:
        network = Network(fused, core, precision, Path(folder))
        if isinstance(device, SimulatedDevice):
            return tune_on_simulated_core(network, device, known, most=trials, progress=progress)
        return tune_on_devices(network, device, known, most=trials, conditions=conditions, progress=progress)
