"""A board at one moment: its cores, their clocks, load, temperature. What is not known of it is None."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .cores import CORES


@dataclass(frozen=True)
class Cpu:
    """A processor that is online. `core` is its kind; clocks are in MHz: now, at most now, at most ever.

    `capacity` is how much it computes beside the others, the largest having 1024.
    """

    number: int
    core: str
    capacity: int | None = None
    governor: str | None = None
    clock_mhz: float | None = None
    limit_mhz: float | None = None
    highest_mhz: float | None = None

    @property
    def size(self) -> tuple[float, float, float]:
        """What orders the processors of a board, the biggest last."""
        peak = CORES[self.core].peak if self.core in CORES else None
        return self.capacity or 0, peak.fp32 if peak else 0, self.highest_mhz or 0


@dataclass(frozen=True)
class Board:
    """The processors that are online, how many are not, and what may slow them down.

    `load` is the number of tasks that ran or waited to, on average of the last minute. `celsius` is the
    temperature of the processors' zone that is nearest to its `limit_celsius`, where Linux slows them down;
    `slowed` says what does so already. `features` are the processors', as Linux spells them.
    """

    cpus: Sequence[Cpu]
    offline: int = 0
    load: float | None = None
    celsius: float | None = None
    limit_celsius: float | None = None
    slowed: Sequence[str] = ()
    features: Sequence[str] = ()

    @property
    def cores(self) -> str:
        """For example "4 cortex-a55, 3 cortex-a78, 1 cortex-x1"."""
        counts = Counter(cpu.core for cpu in self.cpus)
        return ", ".join(f"{count} {core}" for core, count in counts.items())

    @property
    def clock(self) -> str | None:
        """Of the biggest processors, now and at most, for example "600 of 1800 MHz"."""
        cpu = max(self.biggest(), key=lambda cpu: cpu.clock_mhz or 0, default=None)
        if not cpu or not cpu.highest_mhz:
            return None
        return (
            f"{cpu.clock_mhz:.0f} of {cpu.highest_mhz:.0f} MHz"
            if cpu.clock_mhz
            else f"{cpu.highest_mhz:.0f} MHz"
        )

    def biggest(self, core: str | None = None) -> list[Cpu]:
        """Its biggest processors of that `core`, if it has any; else the biggest of all."""
        candidates = [cpu for cpu in self.cpus if cpu.core == core] or self.cpus
        size = max((cpu.size for cpu in candidates), default=None)
        return [cpu for cpu in candidates if cpu.size == size]

    def to_json(self) -> dict[str, Any]:
        """Everything as plain dictionaries, lists, strings and numbers."""
        return asdict(self)
