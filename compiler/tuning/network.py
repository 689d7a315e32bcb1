"""The network whose kernels are tuned: its tasks, and the library of it with any parameters for them."""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
from tvm import tirx

from ...artifact import TVM_FAMILY
from ...frontend.shapes import shape_of
from ...passes.verify import as_inputs
from ...targets import Core
from ..kernels import Template
from ..lowering import lower
from ..precision import Precision
from ..program import Program
from ..tvm_module import compile_library
from .database import Trial, parameters_json
from .schedules import VERSION, name_of, scheduled
from .tasks import Choice, Task
from .workload import workload


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
