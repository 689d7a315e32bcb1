"""Tuning on devices: a round costs what the kernels of its network take there, each called in its turn.

Clocks move, and other work comes and goes: so the network by default runs before every pass of a round, and
what a kernel took counts as a part of what that one took, in the same moment.

The board is watched as `targets.steady` does, the network by default being what is the same in all turns;
what was measured while it throttled does not count.

Candidates that the model of the core finds cheap are measured first, so that few rounds find the best.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from ...errors import ArmletError
from ...targets import (
    Conditions,
    Device,
    Program,
    SimulatedDevice,
    measure_latency,
    measure_steadily,
    require_clock,
    warm_up,
)
from .database import Database
from .failures import Failures
from .fallbacks import find_schedules
from .network import Network
from .rounds import Rounds
from .simulated import cheapest_first, with_schedules
from .standing import Progress, Tuning
from .tasks import Choice, Costs

# Passes of a round, in turns after each of which is a look at the board.
TURNS, PASSES_A_TURN = 3, 10


def tune_on_devices(
    network: Network,
    device: Device,
    database: Database,
    *,
    most: int | None,
    conditions: Conditions,
    progress: Progress,
) -> Tuning:
    """Measure what `database` does not know of a network's kernels on `device`, or on all of its kind.

    Raises UsageError if the device is emulated, DeviceError if it cannot be reached, or is lost again and
    again, InconclusiveError if it throttles for longer than `conditions` allow to wait.
    """
    require_clock(device)
    core, failures = network.core.name, Failures(database.path, network.folder)
    alone = partial(_nanoseconds, device, core, conditions)
    with network.compiled({}, "default") as (_, reference):
        image = network.image
        inference = alone(reference, image)
        model, order = _model(core)
        if model:
            # What is simulated takes nothing of what the board may measure.
            network, spent = with_schedules(network, model, database, None, failures, progress)[0], 0
            tasks = cheapest_first(
                network,
                network.tasks(device.uri),
                model,
                database,
                failures,
                lambda what, *rest: progress(f"{order}: {what}", *rest),
            )
        else:
            network, spent = find_schedules(network, device.uri, alone, database, most, failures, progress)
            tasks = network.tasks(device.uri)

        def measure(choice: Choice) -> Costs:
            with network.compiled(choice, "round") as (program, library):
                parts = _parts(device, reference, library, image, core, conditions)
            return Costs.of_calls(choice, program, inference * parts, inference * float(parts.sum()))

        rounds = Rounds(tasks, database, "nanoseconds", measure, device.count(), failures)
        tuning = rounds.run(None if most is None else most - spent, progress)
        return replace(tuning, order=order, measured=tuning.measured + spent)


def _model(core: str) -> tuple[SimulatedDevice | None, str]:
    """The simulated `core`, if it has a model and that is to be had, and words for the order of trials."""
    try:
        model = SimulatedDevice.of(core)
        model.check()
    except ArmletError as error:
        return None, f"as listed: {error}"
    return model, f"cheapest first on {model.uri}"


def _nanoseconds(
    device: Device, core: str, conditions: Conditions, library: Path, image: np.ndarray
) -> float:
    """What `library`, compiled for `core`, takes for `image` on `device`."""
    with device.connect() as session:
        latency = measure_latency(session, library, [image], core=core, conditions=conditions)
    return 1e6 * float(np.median(np.concatenate(latency.watch.untainted(device.uri))))


def _parts(
    device: Device, reference: Path, library: Path, image: np.ndarray, core: str, conditions: Conditions
) -> np.ndarray:
    """What each call of `library` takes, as a part of an inference of `reference`."""
    with device.connect() as session:
        default, program = session.load(reference), session.load(library)
        _, watch = measure_steadily(
            session,
            lambda number: _turn(default, program, image),
            TURNS,
            core=core,
            conditions=conditions,
            warm_up=lambda: warm_up([default, program], [[image], [image]]),
        )
    return np.median(np.concatenate(watch.untainted(device.uri)), axis=0)


def _turn(default: Program, program: Program, image: np.ndarray) -> tuple[list[np.ndarray], float]:
    """The parts by some passes, and the ticks of the fastest one of `default`."""
    passes = [(default.ticks([image]).sum(), program.ticks([image])) for _ in range(PASSES_A_TURN)]
    return [ticks / whole for whole, ticks in passes], float(min(whole for whole, _ in passes))
