"""Tuning on a simulated core: a round costs what one simulated inference of its network does."""

from collections import Counter

from ...targets import YARDSTICK, SimulatedDevice
from .database import Database
from .rounds import Choice, Costs, Network, Progress, Rounds, Tuning, by_task


def tune_on_simulated_core(
    network: Network, device: SimulatedDevice, database: Database, *, most: int | None, progress: Progress
) -> Tuning:
    """Measure what `database` does not know of a network's kernels on `device`.

    Raises ArmletError if a tool is missing.
    """

    def measure(choice: Choice) -> Costs:
        with network.compiled(choice, "round") as (program, library):
            simulation = device.simulate(library, network.image)
        cycles = {kernel.name: kernel.cycles for kernel in simulation.kernels}
        calls = Counter(call.function for call in program.calls)
        of_calls = [cycles[call.function] / calls[call.function] for call in program.calls]
        return Costs(by_task(choice, program, of_calls), simulation.cycles)

    tasks = network.tasks(f"sim:{device.core.name}, yardstick {YARDSTICK}")
    return Rounds(tasks, database, "modelled_cycles", measure, device.count()).run(most, progress)
