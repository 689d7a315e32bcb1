"""Tuning on a simulated core: candidates are measured in rounds, all kernels of the network at once.

In a round every kernel has its next candidate, and one simulated inference prices them all: inside the whole
network, weights cold, maps where the kernels before have left them.
"""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir

from ...targets import Core, find_toolchain
from ...targets.simulator.simulation import simulate
from ...targets.simulator.yardstick import YARDSTICK
from ..kernels import Template
from ..lowering import lower
from ..network import compile_network
from ..precision import Precision
from ..tvm_module import link_tvm_module
from .database import Database, Record, Trial, parameters_json
from .workload import workload

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Task:
    """A kernel to be tuned, which computes `layers`: its `trials`, the default first."""

    template: Template
    trials: Sequence[Trial]
    layers: Sequence[str]

    def pending(self, database: Database) -> list[Trial]:
        """What has not been measured yet."""
        return [trial for trial in self.trials if trial not in database]

    def best(self, database: Database) -> Trial:
        """The cheapest of what has been measured; the default before anything was."""
        known = [record for trial in self.trials if (record := database.record(trial))]
        return min(known, key=lambda record: record.cost).trial if known else self.trials[0]


@dataclass(frozen=True)
class Tuning:
    """What is in `database` of a network's `tasks`, after a run that measured so many trials.

    Cycles are those of a whole inference, by default and with the best of all that has been measured.
    """

    tasks: Sequence[Task]
    database: Database
    measured: int
    default_cycles: float
    tuned_cycles: float

    def cost(self, trial: Trial) -> float | None:
        """The modelled cycles of a call, if it was measured."""
        record = self.database.record(trial)
        return record.cost if record else None

    def to_json(self) -> dict[str, Any]:
        """The kernels with the costs of their calls, costliest first, and the figures of the run."""
        kernels = [
            {
                "kernel": task.template.name,
                "layers": [*task.layers],
                "default_cycles": self.cost(task.trials[0]),
                "tuned_cycles": self.cost(task.best(self.database)),
                "parameters": json.loads(task.best(self.database).parameters),
            }
            for task in self.tasks
        ]
        return {
            "trials_measured": self.measured,
            "default_modelled_cycles": round(self.default_cycles),
            "tuned_modelled_cycles": round(self.tuned_cycles),
            "kernels": sorted(kernels, key=lambda kernel: -(kernel["default_cycles"])),
        }


def tune_on_simulated_core(
    fused: ir.Model,
    core: Core,
    simulated: Core,
    precision: Precision,
    database: Database,
    *,
    most: int | None = None,
    progress: Progress = lambda what, part: None,
) -> Tuning:
    """Measure what `database` does not know of the kernels of a fused network, at most so many trials.

    The network is compiled for `core`, which may be a family, and modelled on the core `simulated`.

    Each round's records are in the file when it ends: a run that is ended in any way goes on from there when
    it is started again. `progress` is told what is being done and which part of the whole is behind. Raises
    UsageError if there is no model of `core`, ArmletError if a tool is missing.
    """
    tasks = _tasks(fused, core, precision, f"sim:{simulated.name}, yardstick {YARDSTICK}")
    left = sum(len(task.pending(database)) for task in tasks)
    total, measured = left if most is None else min(left, most), 0
    for number in range(max((len(task.trials) for task in tasks), default=0)):
        of_round = [task for task in tasks if number < len(task.trials)]
        wanted = [task for task in of_round if task.trials[number] not in database][: total - measured]
        if wanted:
            progress(f"{total - measured} trials left", measured / (total + 1))
            # What is around a kernel must not depend on what was measured before a run was ended.
            others = {task: task.trials[0] for task in tasks}
            trials = others | {task: task.trials[number] for task in of_round}
            costs, _ = _measure(fused, core, simulated, trials)
            database.add(Record(task.trials[number], costs[task]) for task in wanted)
            measured += len(wanted)
    progress("whole network", total / (total + 1))
    _, default_cycles = _measure(fused, core, simulated, {task: task.trials[0] for task in tasks})
    _, tuned_cycles = _measure(fused, core, simulated, {task: task.best(database) for task in tasks})
    database.tidy()
    return Tuning(tasks, database, measured, default_cycles, tuned_cycles)


def _tasks(fused: ir.Model, core: Core, precision: Precision, device: str) -> list[Task]:
    """The kernels of a network that can be tuned."""
    layers: dict[tuple[Template, tuple[Trial, ...]], list[str]] = {}

    def find(node: ir.Node, template: Template) -> None:
        shape = workload(node)
        trials = [
            Trial(template.name, shape, core.name, precision, template.version, parameters, device)
            for parameters in map(parameters_json, map(asdict, template.candidates(node, core)))
        ]
        layers.setdefault((template, tuple(dict.fromkeys(trials))), []).append(node.name or "")

    lower(fused, "nchw", core, find)
    return [Task(template, trials, tuple(names)) for (template, trials), names in layers.items()]


def _measure(
    fused: ir.Model, core: Core, simulated: Core, chosen: Mapping[Task, Trial]
) -> tuple[dict[Task, float], float]:
    """The modelled cycles of a call of each task's kernel, and of the inference, with `chosen` parameters."""
    task_of = {layer: task for task in chosen for layer in task.layers}

    def select(node: ir.Node, template: Template) -> Any:
        return template.read(json.loads(chosen[task_of[node.name or ""]].parameters))

    program, toolchain = lower(fused, "nchw", core, select), find_toolchain("linux", core.machine)
    with tempfile.TemporaryDirectory(prefix="armlet-tune-") as name:
        folder = Path(name)
        network = compile_network(program, "tuned", core, "linux", toolchain, folder, lambda what, part: None)
        link_tvm_module(network, toolchain, folder / "model.so")
        image = np.random.default_rng(0).standard_normal(program.inputs[0].shape, dtype=np.float32)
        simulation = simulate(folder / "model.so", image, simulated)
    costs = {
        task_of[layer]: kernel.cycles / len(program.layers[kernel.name])
        for kernel in simulation.kernels
        for layer in program.layers.get(kernel.name, ())
        if layer in task_of
    }
    return costs, simulation.cycles
