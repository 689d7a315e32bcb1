"""Kernels of a baseline and of today, matched by the layers that they compute.

Kernels are called after their content: what stays is the nodes of the network. A kernel is taken apart into
its layers; the layers of either side that compute a common node are compared together, so that a layer that
has become two, or has gone into another, is held against what it took before. Layers whose kernels are the
same on both sides are one group.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .figures import NO_LAYER, KernelFigures

# Layers named in a title.
NAMED = 3


@dataclass(frozen=True)
class LayerGroup:
    """The same nodes of the network, as parts of kernels: in the baseline (`before`) and now."""

    before: Sequence[KernelFigures]
    now: Sequence[KernelFigures]

    @property
    def layers(self) -> list[str]:
        """The layers for which kernels are called now; if there are none, before."""
        return layers_of(self.now) or layers_of(self.before)

    @property
    def title(self) -> str:
        """The first of the layers, and how many there are beyond them."""
        beyond = len(self.layers) - NAMED
        return ", ".join(self.layers[:NAMED]) + (f" and {beyond} more" if beyond > 0 else "") or NO_LAYER

    @property
    def cycles_before(self) -> int:
        """Modelled cycles in the baseline."""
        return round(sum(kernel.cycles for kernel in self.before))

    @property
    def cycles(self) -> int:
        """Modelled cycles."""
        return round(sum(kernel.cycles for kernel in self.now))


def layers_of(kernels: Sequence[KernelFigures]) -> list[str]:
    """All layers of `kernels`, in order."""
    return list(dict.fromkeys(layer for kernel in kernels for layer in kernel.layers))


@dataclass
class _Matched:
    """Parts that have nodes in common, each with the number of the kernel that it is of."""

    nodes: set[str]
    before: list[tuple[int, KernelFigures]]
    now: list[tuple[int, KernelFigures]]

    def add(self, other: "_Matched") -> None:
        """Take what `other` has."""
        self.nodes |= other.nodes
        self.before += other.before
        self.now += other.now

    @property
    def kernels(self) -> tuple[frozenset[int], frozenset[int]]:
        """The numbers of the kernels of both sides."""
        return frozenset(number for number, _ in self.before), frozenset(number for number, _ in self.now)


def match(before: Sequence[KernelFigures], now: Sequence[KernelFigures]) -> list[LayerGroup]:
    """The kernels of a baseline and those of today, in groups."""
    parts = [
        *(_Matched(part.nodes, [(number, part)], []) for number, part in _parts(before)),
        *(_Matched(part.nodes, [], [(number, part)]) for number, part in _parts(now)),
    ]
    connected: list[_Matched] = []
    for matched in parts:
        for other in [each for each in connected if each.nodes & matched.nodes]:
            connected.remove(other)
            other.add(matched)
            matched = other
        connected.append(matched)

    alike: dict[tuple[frozenset[int], frozenset[int]], _Matched] = {}
    for matched in connected:
        if matched.kernels in alike:
            alike[matched.kernels].add(matched)
        else:
            alike[matched.kernels] = matched
    return [LayerGroup(_in_order(each.before), _in_order(each.now)) for each in alike.values()]


def _parts(kernels: Sequence[KernelFigures]) -> list[tuple[int, KernelFigures]]:
    return [(number, part) for number, kernel in enumerate(kernels) for part in kernel.parts]


def _in_order(parts: Sequence[tuple[int, KernelFigures]]) -> list[KernelFigures]:
    return [part for _, part in sorted(parts, key=lambda numbered: numbered[0])]
