"""Why layers take more cycles than in the baseline."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from .figures import KernelFigures
from .layer_groups import LayerGroup, layers_of


def reasons(group: LayerGroup) -> list[str]:
    """What the layers of `group` do that they did not in the baseline, or do more, a line each."""
    if not group.before:
        return ["not in the baseline"]
    return [*_structure(group.before, group.now), *_execution(group.before, group.now)]


def _structure(before: Sequence[KernelFigures], now: Sequence[KernelFigures]) -> Iterable[str]:
    """Fusions and tuning records lost, layers left to TVM, other families."""
    known = layers_of(before)
    for kernel in before:
        apart = [layer for layer in layers_of(now) if layer in kernel.nodes and layer not in known]
        if apart:
            yield f"a fusion is lost: {', '.join(apart)} computed with {', '.join(kernel.layers)} before"

    def layers(kernels: Sequence[KernelFigures], wanted: Callable[[KernelFigures], bool]) -> list[str]:
        return layers_of([kernel for kernel in kernels if wanted(kernel)])

    tuned = layers(before, lambda kernel: kernel.tuned)
    if untuned := [layer for layer in layers(now, lambda kernel: not kernel.tuned) if layer in tuned]:
        yield f"a tuning record is gone: {', '.join(untuned)}"
    left = layers(before, lambda kernel: kernel.is_fallback)
    if new := [layer for layer in layers(now, lambda kernel: kernel.is_fallback) if layer not in left]:
        yield f"left to TVM's own code: {', '.join(new)}"
    families_before, families = ({kernel.family for kernel in side} for side in (before, now))
    if other := families - families_before:
        yield f"kernels of {', '.join(sorted(other))}, before of {', '.join(sorted(families_before))}"


def _execution(before: Sequence[KernelFigures], now: Sequence[KernelFigures]) -> Iterable[str]:
    """Instructions, misses, waiting."""
    instructions = _growth(
        _sum(kernel.instructions for kernel in before), _sum(kernel.instructions for kernel in now)
    )
    words = [f"{growth} {name.replace('_', ' ')} instructions{part}" for name, growth, part in instructions]
    yield ", ".join(words) if words else "no more instructions of any class"
    misses = _growth(_sum(kernel.misses for kernel in before), _sum(kernel.misses for kernel in now))
    if misses:
        yield ", ".join(f"{growth} misses in {cache}{part}" for cache, growth, part in misses)
    waiting = sum(kernel.stall_cycles for kernel in now) - sum(kernel.stall_cycles for kernel in before)
    if round(waiting) > 0:
        yield f"{waiting:+,.0f} cycles of waiting for memory"


def _sum(counts: Iterable[Mapping[str, float]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return total


def _growth(before: Counter[str], now: Counter[str]) -> list[tuple[str, str, str]]:
    """What has grown, most first: its name, by how much, by which part of what it was."""
    grown = [name for name in now if round(now[name] - before[name]) > 0]
    return [
        (
            name,
            f"{now[name] - before[name]:+,.0f}",
            f" ({now[name] / before[name] - 1:+.1%})" if before[name] else "",
        )
        for name in sorted(grown, key=lambda name: before[name] - now[name])
    ]
