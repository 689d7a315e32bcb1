"""The yardstick: which models made a result, and what may be compared with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from ...errors import InvalidBaselineError
from ..cores import Core
from ..llvm_mca import find_llvm_mca
from . import out_of_order
from .network_counting import counter

# Raised with every change of the models or their constants: results of different ones are never compared.
YARDSTICK = 1


@dataclass(frozen=True)
class Record:
    """What made a result: the number of the yardstick, the core, the `versions` of the programs used.

    Results of equal records are the same for the same code. Those of one yardstick and core may be compared
    whatever the versions: counts do not depend on them, and modelled cycles only as far as llvm-mca has
    changed its tables of a core. In-order cores do without llvm-mca: their records do not name it.
    """

    yardstick: int
    core: str
    versions: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, core: Core) -> Self:
        """The record of what this machine models; raises ArmletError if llvm-mca is needed and missing."""
        name, version = counter()
        versions = {name: version}
        if core.name in out_of_order.MODELS:
            versions["llvm-mca"] = find_llvm_mca()[1]
        return cls(YARDSTICK, core.name, versions)

    def __str__(self) -> str:
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        return f"yardstick {self.yardstick}" + (f", {versions}" if versions else "")

    def require_comparable(self, baseline: "Record") -> list[str]:
        """What differs in versions from `baseline`, a line each, to be shown beside the comparison.

        Raises InvalidBaselineError if `baseline` is of another yardstick or core.
        """
        if baseline.yardstick != self.yardstick:
            raise InvalidBaselineError(
                f"the baseline is of yardstick {baseline.yardstick}, expected {self.yardstick}: "
                "cycles of different ones cannot be compared; make the baseline again"
            )
        if baseline.core != self.core:
            raise InvalidBaselineError(
                f"the baseline is of {baseline.core}, expected {self.core}: make one for this core"
            )
        names = sorted(self.versions.keys() | baseline.versions.keys())
        pairs = (
            (name, baseline.versions.get(name, "none"), self.versions.get(name, "none")) for name in names
        )
        return [f"{name} {now}, the baseline's was {then}" for name, then, now in pairs if then != now]
