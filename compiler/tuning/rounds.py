"""Trials in rounds: in each, every kernel of a network has its next candidate, all measured at once.

So a kernel is measured where it will work: inside the whole network, its weights cold, its map where the
kernel before has left it. What is around it in a round does not depend on what was measured before a run was
ended: the same rounds give the same records.
"""

import json
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
import onnx_ir as ir
from tvm import tirx

from ...artifact import TVM_FAMILY
from ...errors import ArmletError
from ...frontend.shapes import shape_of
from ...passes.verify import as_inputs
from ...targets import Core
from ...threads import side_by_side
from ..kernels import Template
from ..lowering import lower
from ..precision import Precision
from ..program import Program
from ..tvm_module import compile_library
from .database import Database, Record, Trial, parameters_json
from .schedules import VERSION, name_of, scheduled
from .workload import workload

Progress = Callable[[str, float], None]

# Rounds that fail one after the other before a run gives up.
FAILURES = 3


@dataclass(frozen=True)
class Task:
    """A kernel to be tuned: its `trials`, the default first. Each of `layers` has it as its call `number`."""

    trials: Sequence[Trial]
    layers: Sequence[str]
    number: int = 0

    @property
    def kernel(self) -> str:
        """The name of its template."""
        return self.trials[0].kernel

    def pending(self, database: Database) -> list[Trial]:
        """What has not been measured yet."""
        return [trial for trial in self.trials if trial not in database]

    def best(self, database: Database) -> Trial:
        """The cheapest of what has been measured; the default before anything was."""
        known = [record for trial in self.trials if (record := database.record(trial))]
        return min(known, key=lambda record: record.cost).trial if known else self.trials[0]


Choice = Mapping[Task, Trial]


class Costs(NamedTuple):
    """Of a call of each task's kernel, and of an inference: modelled cycles, or nanoseconds."""

    of_tasks: Mapping[Task, float]
    whole: float


def by_task(choice: Choice, program: Program, calls: Iterable[float]) -> dict[Task, float]:
    """What tasks cost, from the costs of all calls: a layer's first are its own.

    Others of that name are transpositions of what it puts out.
    """
    of_layers: defaultdict[str, list[float]] = defaultdict(list)
    for call, cost in zip(program.calls, calls, strict=True):
        of_layers[call.layer].append(float(cost))
    return {task: fmean(of_layers[layer][task.number] for layer in task.layers) for task in choice}


@dataclass(frozen=True)
class Tuning:
    """What is in `database` of a network's `tasks`, after a run that measured so many trials.

    Costs, in `unit`, are those of a whole inference, by default and with the best of all that was measured.
    `failures` says why rounds failed, and how many of them; `order` is that in which trials were taken.
    """

    tasks: Sequence[Task]
    database: Database
    unit: str
    measured: int
    default_cost: float
    tuned_cost: float
    failures: Mapping[str, int]
    order: str = "as listed"

    def cost(self, trial: Trial) -> float | None:
        """What a call costs, if it was measured."""
        record = self.database.record(trial)
        return record.cost if record else None

    def to_json(self) -> dict[str, Any]:
        """The kernels with the costs of their calls, costliest first, and the figures of the run."""
        kernels = [
            {
                "kernel": task.kernel,
                "layers": [*task.layers],
                f"default_{self.unit}": self.cost(task.trials[0]),
                f"tuned_{self.unit}": self.cost(task.best(self.database)),
                "parameters": json.loads(task.best(self.database).parameters),
            }
            for task in self.tasks
        ]
        return {
            "trials_measured": self.measured,
            "order": self.order,
            "failures": dict(self.failures),
            f"default_{self.unit}": round(self.default_cost),
            f"tuned_{self.unit}": round(self.tuned_cost),
            "kernels": sorted(kernels, key=lambda kernel: -(kernel[f"default_{self.unit}"] or 0)),
        }


@dataclass(frozen=True)
class Network:
    """A fused network to be tuned for `core`, and a `folder` to work in; it reads NCHW.

    `schedules` are those worth measuring of TVM's functions in it, as parameters, by `name_of`.
    """

    fused: ir.Model
    core: Core
    precision: Precision
    folder: Path
    schedules: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def image(self) -> np.ndarray:
        """An input, always the same."""
        (value,) = self.fused.graph.inputs
        numbers = np.random.default_rng(0).standard_normal(shape_of(value), np.float32)
        return as_inputs([value], [numbers])[value.name or ""]

    def tasks(self, device: str) -> list[Task]:
        """The kernels that can be tuned, their trials on `device`."""
        layers: dict[tuple[tuple[Trial, ...], int], list[str]] = {}

        def add(node: ir.Node, number: int, name: str, shape: str, version: int, parameters: Any) -> None:
            key = name, shape, self.core.name, self.precision, version
            trials = tuple(dict.fromkeys(Trial(*key, each, device) for each in parameters))
            layers.setdefault((trials, number), []).append(node.name or "")

        def find(node: ir.Node, template: Template) -> None:
            parameters = map(parameters_json, map(asdict, template.candidates(node, self.core)))
            add(node, 0, template.name, workload(node), template.version, parameters)

        def find_scheduled(node: ir.Node, number: int, function: tirx.PrimFunc) -> tirx.PrimFunc:
            name = name_of(node, function)
            if name in self.schedules:
                add(node, number, TVM_FAMILY, name, VERSION, (parameters_json({}), *self.schedules[name]))
            return function

        lower(self.fused, "nchw", self.core, find, find_scheduled)
        return [Task(trials, tuple(names), number) for (trials, number), names in layers.items()]

    @contextmanager
    def compiled(self, choice: Choice, name: str) -> Iterator[tuple[Program, Path]]:
        """The network with chosen parameters, else the default; while the block lasts, the library `name`."""
        chosen = {(layer, task.number): trial for task, trial in choice.items() for layer in task.layers}

        def parameters(node: ir.Node, number: int) -> Any:
            trial = chosen.get((node.name or "", number))
            return json.loads(trial.parameters) if trial else None

        def select(node: ir.Node, template: Template) -> Any:
            fields = parameters(node, 0)
            return fields and template.read(fields)

        def schedule(node: ir.Node, number: int, function: tirx.PrimFunc) -> tirx.PrimFunc:
            return scheduled(function, parameters(node, number))

        program = lower(self.fused, "nchw", self.core, select, schedule)
        with tempfile.TemporaryDirectory(dir=self.folder) as work:
            library = Path(work) / f"{name}.so"
            compile_library(program, self.core, library)
            yield program, library


@dataclass
class Rounds:
    """The rounds of a run: `measure`, whose costs are in `unit`, is called by so many `workers` at once.

    A round's records are in the file when it ends: a run that is ended in any way goes on from there.
    """

    tasks: Sequence[Task]
    database: Database
    unit: str
    measure: Callable[[Choice], Costs]
    workers: int
    failures: dict[str, int] = field(default_factory=dict)

    def run(self, most: int | None, progress: Progress) -> Tuning:
        """Measure what the database does not know, at most so many trials, then what it comes to.

        Raises the last one's error when FAILURES rounds fail one after the other.
        """
        measured = self.measure_trials(most, progress)
        progress("whole network", 1.0)
        default = self.measure({task: task.trials[0] for task in self.tasks})
        tuned = self.measure({task: task.best(self.database) for task in self.tasks})
        self.database.tidy()
        return Tuning(
            self.tasks, self.database, self.unit, measured, default.whole, tuned.whole, self.failures
        )

    def measure_trials(self, most: int | None, progress: Progress) -> int:
        """Measure what the database does not know, at most so many trials; returns how many were.

        Raises the last one's error when FAILURES rounds fail one after the other.
        """
        left = sum(len(task.pending(self.database)) for task in self.tasks)
        total, measured, in_a_row = left if most is None else min(left, most), 0, 0
        rounds = self._rounds(total)
        running: dict[Future[Costs], Sequence[tuple[Task, Trial]]] = {}
        with side_by_side(self.workers) as pool:
            while True:
                progress(f"{total - measured} trials left", measured / (total + 1))
                for choice, wanted in islice(rounds, self.workers - len(running)):
                    running[pool.submit(self.measure, choice)] = wanted
                if not running:
                    return measured
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    wanted = running.pop(future)
                    try:
                        costs = future.result().of_tasks
                    except ArmletError as error:
                        in_a_row += 1
                        self._fail(error, in_a_row)
                        continue
                    in_a_row = 0
                    self.database.add(Record(trial, costs[task]) for task, trial in wanted)
                    measured += len(wanted)

    def _rounds(self, total: int) -> Iterator[tuple[Choice, Sequence[tuple[Task, Trial]]]]:
        """Each round's parameters for all tasks, and which of these trials are not known."""
        defaults, planned = {task: task.trials[0] for task in self.tasks}, 0
        for number in range(max((len(task.trials) for task in self.tasks), default=0)):
            tried = {task: task.trials[number] for task in self.tasks if number < len(task.trials)}
            wanted = [item for item in tried.items() if item[1] not in self.database][: total - planned]
            planned += len(wanted)
            if wanted:
                yield defaults | tried, wanted

    def _fail(self, error: ArmletError, in_a_row: int) -> None:
        self.failures[str(error)] = self.failures.get(str(error), 0) + 1
        if in_a_row == FAILURES:
            raise type(error)(
                f"{in_a_row} rounds failed one after the other, the last: {error}; what was measured is in "
                f"{self.database.path}, and the same command goes on from there"
            ) from error
