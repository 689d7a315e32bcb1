"""Devices `sim:CORE[@CLOCKGHz]`: exact counts and modelled cycles of compiled code, the same everywhere."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import UsageError
from ..cores import Core, find_core
from ..llvm_mca import find_llvm_mca
from ..simulator import out_of_order
from ..simulator.freestanding import run_in_unicorn
from ..simulator.network_counting import counter
from ..simulator.simulation import Simulation, model_of, simulate
from ..simulator.yardstick import YARDSTICK
from .protocol import Report, Session

_FORM = re.compile(r"(?P<core>[\w.+-]+)(@(?P<clock>\d+(\.\d+)?)GHz)?")


@dataclass(frozen=True)
class SimulatedDevice:
    """`core` as its models see it; `clock_ghz` turns cycles into milliseconds, where it is given."""

    core: Core
    clock_ghz: float | None = None
    measures_time = False

    @classmethod
    def of(cls, text: str) -> "SimulatedDevice":
        """The device of what follows `sim:` in its URI; raises UsageError for another form or no model."""
        found = _FORM.fullmatch(text)
        if not found or (found["clock"] and not float(found["clock"])):
            raise UsageError(
                f"sim:{text} names no core: write sim:CORE or, for milliseconds, sim:CORE@1.5GHz; threads, "
                "temperature and other loads are not modelled"
            )
        core = find_core(found["core"])
        model_of(core)
        return cls(core, float(found["clock"]) if found["clock"] else None)

    @property
    def uri(self) -> str:
        """`sim:CORE`, with the clock where there is one."""
        return f"sim:{self.core.name}" + (f"@{self.clock_ghz:g}GHz" if self.clock_ghz else "")

    @property
    def models(self) -> str:
        """What its costs depend on, beside the code: in records of them it stands for the device."""
        return f"sim:{self.core.name}, yardstick {YARDSTICK}"

    def check(self) -> Report:
        """Say what counts; raises ArmletError saying what is missing to model."""
        if self.core.name in out_of_order.MODELS:
            find_llvm_mca()
        return Report(f"exact counts by {' '.join(counter())}, modelled cycles, yardstick {YARDSTICK}")

    def count(self) -> int:
        """One: it is this machine that works."""
        return 1

    @contextmanager
    def connect(self) -> Iterator[Session]:
        """Refuse: what only runs is for the emulated device."""
        raise UsageError(f"{self.uri} counts and models, for bench: to run, use emulated:{self.core.name}")
        yield

    def simulate(self, library: Path, image: np.ndarray) -> Simulation:
        """Count one inference and model its cycles; raises as `simulation.simulate` does."""
        return simulate(library, image, self.core)

    def run(self, library: Path, image: np.ndarray) -> list[np.ndarray]:
        """The outputs of `library` for `image`; raises InvalidArtifactError if it crashes."""
        return run_in_unicorn(library, image, self.core)
