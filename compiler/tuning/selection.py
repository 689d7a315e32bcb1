"""Which parameters the kernels of a network get: those of a database, or the defaults."""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import onnx_ir as ir
from tvm import tirx

from ...artifact import TVM_FAMILY
from ...errors import InvalidArtifactError
from ..fallback import TVM_ERRORS
from ..kernels import Template
from .database import AMONG_THE_BEST, Record
from .schedules import VERSION, name_of, scheduled
from .workload import workload


@dataclass
class Selection:
    """The best of `records` for each kernel of a network that is compiled for `core` in `precision`.

    A measurement on a device counts more than one on a simulated core, whatever they say, and one in a tuned
    network more than one before that. After a network has been lowered, `used`, `missing` and `stale` have
    its layers: those whose kernel has a record, none, or only records of another version of its template.
    """

    core: str
    precision: str
    records: Iterable[Record] = ()
    used: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._known: defaultdict[tuple[str, str], list[Record]] = defaultdict(list)
        for record in self.records:
            trial = record.trial
            if (trial.core, trial.precision) == (self.core, self.precision):
                self._known[trial.kernel, trial.shape].append(record)

    def __call__(self, node: ir.Node, template: Template) -> Any:
        """The parameters of the kernel of `node`; None for the default."""
        record = self._best(node, template.name, template.version, workload(node))
        return template.read(json.loads(record.trial.parameters)) if record else None

    def schedule(self, node: ir.Node, number: int, function: tirx.PrimFunc) -> tirx.PrimFunc:
        """TVM's `function` for `node` by its record; raises InvalidArtifactError if that has no trace."""
        record = self._best(node, TVM_FAMILY, VERSION, name_of(node, function))
        if not record:
            return function
        try:
            return scheduled(function, json.loads(record.trial.parameters))
        except TVM_ERRORS as error:
            raise InvalidArtifactError(
                f"a tuning record of {record.trial.shape} for {self.core} has no trace that fits: remove it"
            ) from error

    def _best(self, node: ir.Node, kernel: str, version: int, shape: str) -> Record | None:
        """What is best known of a kernel of `node`, which is noted."""
        known = self._known[kernel, shape]
        current = [record for record in known if record.trial.template == version]
        layers = self.used if current else self.stale if known else self.missing
        if node.name not in layers:
            layers.append(node.name or "")
        return min(current, key=_by_device_and_cost, default=None)

    def to_json(self) -> dict[str, Any]:
        """Which layers have records, in the order of the network."""
        return {"used": self.used, "missing": self.missing, "stale": self.stale}


def _by_device_and_cost(record: Record) -> tuple[bool, bool, float]:
    device = record.trial.device
    return device.startswith("sim:"), not device.endswith(AMONG_THE_BEST), record.cost
