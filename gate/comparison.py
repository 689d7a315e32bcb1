"""The figures of an artifact beside those of the baseline, kernel by kernel, and why some are larger.

Kernels are called after their content: what stays is the nodes of the network. Kernels of either side that
compute a common node are compared together, so that a layer that has become two kernels, or moved from one to
another, is held against what it took before.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .figures import NO_LAYER, Figures, KernelFigures
from .growth import exceeds

# A part of the threshold for the whole: kernels that grew by less than it of all cycles are left alone.
NEGLIGIBLE = 0.01
# Layers named in a title.
NAMED = 3


@dataclass(frozen=True)
class Group:
    """The kernels that compute the same nodes, in the baseline (`before`) and now."""

    before: Sequence[KernelFigures]
    now: Sequence[KernelFigures]

    @property
    def layers(self) -> list[str]:
        """The layers for which the kernels are called now; if there are none, before."""
        return _layers(self.now) or _layers(self.before)

    @property
    def title(self) -> str:
        """The first of the layers, and how many there are beyond them."""
        beyond = len(self.layers) - NAMED
        return ", ".join(self.layers[:NAMED]) + (f" and {beyond} more" if beyond > 0 else "") or NO_LAYER

    @property
    def cycles_before(self) -> int:
        """Modelled cycles in the baseline."""
        return sum(kernel.cycles for kernel in self.before)

    @property
    def cycles(self) -> int:
        """Modelled cycles."""
        return sum(kernel.cycles for kernel in self.now)

    @property
    def reasons(self) -> list[str]:
        """What the kernels do that they did not in the baseline, or do more."""
        return [*self._structure(), *self._execution()] if self.before else ["not in the baseline"]

    def _structure(self) -> Iterable[str]:
        """Fusions and tuning records lost, layers left to TVM, other families."""
        apart = {*_layers(self.now)} - {*_layers(self.before)}
        for kernel in self.before:
            if lost := [node for node in kernel.fused if node in apart]:
                yield f"a fusion is lost: {', '.join(lost)} computed with {', '.join(kernel.layers)} before"
        tuned, by_default = (
            [layer for kernel in side if kernel.tuned == tuned for layer in kernel.layers]
            for side, tuned in ((self.before, True), (self.now, False))
        )
        if untuned := [layer for layer in tuned if layer in by_default]:
            yield f"a tuning record is gone: {', '.join(untuned)}"
        fallbacks, left_before = (
            [layer for kernel in side if kernel.is_fallback for layer in kernel.layers]
            for side in (self.now, self.before)
        )
        if new := [layer for layer in dict.fromkeys(fallbacks) if layer not in left_before]:
            yield f"left to TVM's own code: {', '.join(new)}"
        families_before, families = ({kernel.family for kernel in side} for side in (self.before, self.now))
        if other := families - families_before:
            yield f"kernels of {', '.join(sorted(other))}, before of {', '.join(sorted(families_before))}"

    def _execution(self) -> Iterable[str]:
        """Instructions, misses, waiting."""
        before, now = (_sum(kernel.instructions for kernel in side) for side in (self.before, self.now))
        more = [
            _more(now[kind], before[kind], f"{kind.replace('_', ' ')} instructions")
            for kind in sorted(now, key=lambda kind: before[kind] - now[kind])
            if now[kind] > before[kind]
        ]
        yield ", ".join(more) if more else "no more instructions of any class"
        before, now = (_sum(kernel.misses for kernel in side) for side in (self.before, self.now))
        if more := [
            _more(now[cache], before[cache], f"misses in {cache}")
            for cache in now
            if now[cache] > before[cache]
        ]:
            yield ", ".join(more)
        waiting = sum(kernel.stall_cycles for kernel in self.now) - sum(
            kernel.stall_cycles for kernel in self.before
        )
        if waiting > 0:
            yield f"{waiting:+,} cycles of waiting for memory"


@dataclass(frozen=True)
class Comparison:
    """The figures of an artifact, in the baseline (`before`) and now; `threshold` 0.01 allows 1% more."""

    before: Figures
    now: Figures
    threshold: float

    @cached_property
    def groups(self) -> list[Group]:
        """All kernels, those that grew most first."""
        groups = _grouped(self.before.kernels, self.now.kernels)
        return sorted(groups, key=lambda group: group.cycles_before - group.cycles)

    @property
    def grown(self) -> list[Group]:
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
            "kernels": [
                {
                    "layers": group.layers,
                    "cycles": {"before": group.cycles_before, "now": group.cycles},
                    "reasons": group.reasons if group.cycles != group.cycles_before else [],
                }
                for group in self.groups
            ],
        }


def _grouped(before: Sequence[KernelFigures], now: Sequence[KernelFigures]) -> list[Group]:
    groups: list[tuple[set[str], Group]] = []
    for kernel, is_now in [*((kernel, False) for kernel in before), *((kernel, True) for kernel in now)]:
        nodes, merged = kernel.nodes, Group([], [kernel]) if is_now else Group([kernel], [])
        for other in [group for group in groups if group[0] & nodes]:
            groups.remove(other)
            nodes |= other[0]
            merged = Group([*other[1].before, *merged.before], [*other[1].now, *merged.now])
        groups.append((nodes, merged))
    return [group for _, group in groups]


def _layers(kernels: Sequence[KernelFigures]) -> list[str]:
    return list(dict.fromkeys(layer for kernel in kernels for layer in kernel.layers))


def _sum(counts: Iterable[Any]) -> Counter[str]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return total


def _more(now: int, before: int, what: str) -> str:
    growth = f" ({now / before - 1:+.1%})" if before else ""
    return f"{now - before:+,} {what}{growth}"
