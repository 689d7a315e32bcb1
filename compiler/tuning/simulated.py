"""Tuning on a simulated core: a round costs what one simulated inference of its network does."""

from collections import Counter

import numpy as np

from ...targets import Core
from ...targets.simulator.simulation import simulate
from ...targets.simulator.yardstick import YARDSTICK
from .database import Database
from .rounds import Choice, Costs, Network, Progress, Rounds, Tuning, by_task

UNIT = "modelled_cycles"


def tune_on_simulated_core(
    network: Network, simulated: Core, database: Database, *, most: int | None, progress: Progress
) -> Tuning:
    """Measure what `database` does not know of a network's kernels on the core `simulated`.

    Raises UsageError if there is no model of that core, ArmletError if a tool is missing.
    """

    def measure(choice: Choice) -> Costs:
        with network.compiled(choice, "round") as (program, library):
            image = np.random.default_rng(0).standard_normal(program.inputs[0].shape, dtype=np.float32)
            simulation = simulate(library, image, simulated)
        cycles = {kernel.name: kernel.cycles for kernel in simulation.kernels}
        calls = Counter(call.function for call in program.calls)
        of_calls = [cycles[call.function] / calls[call.function] for call in program.calls]
        return Costs(by_task(choice, program, of_calls), simulation.cycles)

    tasks = network.tasks(f"sim:{simulated.name}, yardstick {YARDSTICK}")
    rounds = Rounds(tasks, database, measure)
    return rounds.finish(UNIT, rounds.run(most, progress), progress)
