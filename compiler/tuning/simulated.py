"""Tuning on a simulated core: a round costs what one simulated inference of its network does."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...targets import SimulatedDevice
from .database import Database
from .failures import Failures
from .fallbacks import find_schedules
from .network import Network
from .rounds import Rounds
from .standing import Progress, Tuning
from .tasks import Choice, Costs, Task


def tune_on_simulated_core(
    network: Network, device: SimulatedDevice, database: Database, *, most: int | None, progress: Progress
) -> Tuning:
    """Measure what `database` does not know of a network's kernels on `device`.

    Raises ArmletError if a tool is missing.
    """
    failures = Failures(database.path, network.folder)
    network, spent = with_schedules(network, device, database, most, failures, progress)
    rounds = _rounds(network, device, database, failures)
    tuning = rounds.run(None if most is None else most - spent, progress)
    return replace(tuning, measured=tuning.measured + spent)


def with_schedules(
    network: Network,
    device: SimulatedDevice,
    database: Database,
    most: int | None,
    failures: Failures,
    progress: Progress,
) -> tuple[Network, int]:
    """As `find_schedules` has it, which looks for them on `device`."""

    def cycles(library: Path, image: np.ndarray) -> float:
        return device.simulate(library, image).cycles

    return find_schedules(network, device.models, cycles, database, most, failures, progress)


def cheapest_first(
    network: Network,
    tasks: Sequence[Task],
    device: SimulatedDevice,
    database: Database,
    failures: Failures,
    progress: Progress,
) -> list[Task]:
    """The `tasks` of a network on any device, the trials behind each default as they rank on `device`.

    What `database` does not know of it is measured there first. Raises ArmletError if a tool is missing.
    """
    rounds = _rounds(network, device, database, failures)
    rounds.measure_trials(None, progress)
    return ranked(tasks, rounds.tasks, database)


def ranked(tasks: Sequence[Task], simulated: Sequence[Task], database: Database) -> list[Task]:
    """The `tasks`, the trials behind each default by what the same cost where they are `simulated`."""

    def by_cost(task: Task, same: Task) -> Task:
        costs = {
            trial: record.cost
            for trial, twin in zip(task.trials, same.trials, strict=True)
            if (record := database.record(twin))
        }
        default, *others = task.trials
        return replace(task, trials=(default, *sorted(others, key=costs.__getitem__)))

    return list(map(by_cost, tasks, simulated))


def _rounds(network: Network, device: SimulatedDevice, database: Database, failures: Failures) -> Rounds:
    def measure(choice: Choice) -> Costs:
        with network.compiled(choice, "round") as (program, library):
            simulation = device.simulate(library, network.image)
        cycles = {kernel.name: kernel.cycles for kernel in simulation.kernels}
        calls = Counter(call.function for call in program.calls)
        of_calls = [cycles[call.function] / calls[call.function] for call in program.calls]
        return Costs.of_calls(choice, program, of_calls, simulation.cycles)

    return Rounds(
        network.tasks(device.models), database, "modelled_cycles", measure, device.count(), failures
    )
