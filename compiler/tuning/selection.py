"""Which parameters the kernels of a network get: those of a database, or the defaults."""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import onnx_ir as ir

from ..kernels.template import Template
from .database import Record
from .workload import workload


@dataclass
class Selection:
    """The best of `records` for each kernel of a network that is compiled for `core` in `precision`.

    A measurement on a device counts more than one on a simulated core, whatever they say. After a network has
    been lowered, `used`, `missing` and `stale` have its layers: those whose kernel has a record, none, or
    only records of another version of its template.
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
        layer, known = node.name or "", self._known[template.name, workload(node)]
        current = [record for record in known if record.trial.template == template.version]
        if not current:
            (self.stale if known else self.missing).append(layer)
            return None
        self.used.append(layer)
        best = min(current, key=_by_device_and_cost)
        return template.read(json.loads(best.trial.parameters))

    def to_json(self) -> dict[str, Any]:
        """Which layers have records, in the order of the network."""
        return {"used": self.used, "missing": self.missing, "stale": self.stale}


def _by_device_and_cost(record: Record) -> tuple[bool, float]:
    return record.trial.device.startswith("sim:"), record.cost
