"""The figures of an artifact beside those of the baseline: what grew, and what of it is too much."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .figures import Figures
from .growth import exceeds
from .layer_groups import LayerGroup, match
from .reasons import reasons

# A part of the threshold for the whole: layers that grew by less than it of all cycles are left alone.
NEGLIGIBLE = 0.01


@dataclass(frozen=True)
class Comparison:
    """The figures of an artifact, in the baseline (`before`) and now; `threshold` 0.01 allows 1% more."""

    before: Figures
    now: Figures
    threshold: float

    @cached_property
    def groups(self) -> list[LayerGroup]:
        """All layers, those that grew most first."""
        groups = match(self.before.kernels, self.now.kernels)
        return sorted(groups, key=lambda group: group.cycles_before - group.cycles)

    @property
    def grown(self) -> list[LayerGroup]:
        """The layers that grew past the threshold; what is new in the network only counts in the whole."""
        least = NEGLIGIBLE * self.threshold * self.before.cycles
        return [
            group
            for group in self.groups
            if group.before
            and group.layers
            and exceeds(group.cycles_before, group.cycles, self.threshold)
            and group.cycles - group.cycles_before > least
        ]

    def to_json(self) -> dict[str, Any]:
        """Everything as plain dictionaries, lists, strings and numbers."""
        return {
            "threshold": self.threshold,
            "cycles": {"before": self.before.cycles, "now": self.now.cycles},
            "sizes": {
                name: {"before": self.before.sizes.get(name), "now": size}
                for name, size in self.now.sizes.items()
            },
            "layers": [
                {
                    "names": group.layers,
                    "cycles": {"before": group.cycles_before, "now": group.cycles},
                    "reasons": reasons(group) if group.cycles > group.cycles_before else [],
                }
                for group in self.groups
            ],
        }
