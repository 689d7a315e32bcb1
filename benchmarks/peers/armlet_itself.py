"""armlet's own row: the network compiled for the core, on the simulated core."""

import tempfile
from pathlib import Path

from armlet import compile_model
from armlet.targets import Core, Simulation
from armlet.targets.simulator.simulation import simulate

from .models import IMAGE
from .peer import Network, Precision


def simulate_armlet(network: Network, precision: Precision, core: Core) -> Simulation:
    """Compile `network` for `core` as it is at this commit, count one inference and model its cycles."""
    with tempfile.TemporaryDirectory(prefix="armlet-peer-") as folder:
        artifact = compile_model(network.build(), Path(folder, "made"), core, precision=precision)
        return simulate(artifact.library, IMAGE, core)
