"""The cycles that a core waits for memory, from what the cache model counted."""

from dataclasses import dataclass

from ...errors import UsageError
from ..cores import Core
from .cache_model import LINE, CacheCounts


@dataclass(frozen=True)
class Link:
    """The way to one level: cycles beyond a hit in L1, and bytes a cycle that come from there to the core."""

    latency: float
    bandwidth: float


@dataclass(frozen=True)
class Memory:
    """What lies behind a core's L1: `links` to L2, to L3 where there is one, to main memory.

    `write_bandwidth` is that of main memory, in bytes a cycle. `window` is how many cycles of a miss the core
    fills with other instructions, `parallel_misses` how many misses it waits for at once.
    """

    links: tuple[Link, ...]
    write_bandwidth: float
    window: float = 0
    parallel_misses: int = 1


# Measured on a device of each core, at the clock given, by tinymembench and ramlat as published with
# sbc-bench (github.com/ThomasKaiser/sbc-bench, results/NAME.txt). Latency: one random chain, less L1's; two
# where the prefetcher found out one. Bandwidth of a cache: eight random chains, but at least that of main
# memory; of main memory: "NEON LDP load" and "memset". `window`: entries of the reorder buffer by
# instructions decoded a cycle, as AnandTech reported them (A72 128 by 3, A76 128 by 4, A78 160 by 4, X1 224
# by 5); A73 has no such buffer (chipsandcheese.com), and A76's window is assumed.
MEMORIES = {
    # Raspberry Pi 3B+, 1.4 GHz, 1iI5; L2 as in Hennessy and Patterson, 6th edition, section 2.6. Loads were
    # not measured: bandwidths are those of the A53 of RK3399 (4Kau), confirmed by that of A311D (4o1A).
    "cortex-a53": Memory((Link(13, 6.7), Link(210, 1.8)), write_bandwidth=1.17),
    # QCS6490, 1.95 GHz, 8WlQ; L2 by tinymembench (RK3588, 41BH), which ramlat puts at 17 cycles.
    "cortex-a55": Memory((Link(7, 9.8), Link(30, 5.1), Link(232, 3.6)), write_bandwidth=8.7),
    # Raspberry Pi 4B, 1.8 GHz, 3InF; L2's bandwidth of RK3399 (4Kau). Loads were not measured: the bandwidth
    # is what, with its memset, gives its memcpy.
    "cortex-a72": Memory((Link(17, 5.8), Link(228, 4.4)), write_bandwidth=1.73, window=42, parallel_misses=6),
    # A311D, 2.4 GHz, 4o1A.
    "cortex-a73": Memory((Link(22, 9.1), Link(354, 4.1)), write_bandwidth=3.85, window=32, parallel_misses=7),
    # Raspberry Pi 5, 2.4 GHz, 8-NK.
    "cortex-a76": Memory(
        (Link(8, 16.9), Link(37, 7.5), Link(277, 6.2)), write_bandwidth=4.2, window=32, parallel_misses=8
    ),
    # QCS6490, 2.4 GHz, 8WlQ.
    "cortex-a78": Memory(
        (Link(8, 16.6), Link(31, 7.1), Link(318, 7.1)), write_bandwidth=7.2, window=40, parallel_misses=8
    ),
    # Snapdragon 8cx Gen 3 (X1C), 3.0 GHz, 4xwT.
    "cortex-x1": Memory(
        (Link(8, 17.5), Link(36, 9.5), Link(505, 9.5)), write_bandwidth=13.9, window=45, parallel_misses=8
    ),
    # Exynos 2200, 1.5 GHz, 4pgq: a phone in use, to be taken roughly.
    "cortex-a510": Memory((Link(13, 9.0), Link(61, 4.9), Link(525, 4.9)), write_bandwidth=12.9),
    # Nothing was found: A78's are assumed.
    "cortex-a710": Memory(
        (Link(8, 16.6), Link(31, 7.1), Link(318, 7.1)), write_bandwidth=7.2, window=40, parallel_misses=8
    ),
}


def bytes_a_cycle(core: Core) -> float:
    """What main memory delivers to `core`; raises UsageError for a core of unknown memory."""
    return _memory_of(core).links[-1].bandwidth


# Of what a loop nest transfers while it could compute, the part that costs nothing. Calibrated: see
# benchmarks/published_boards.py, which holds the model against boards.
HIDDEN = 0.3


def stall_cycles(
    counts: CacheCounts, core: Core, compute_cycles: float = 0.0, *, memory: Memory | None = None
) -> float:
    """The cycles that what a loop nest did to the caches adds to its `compute_cycles`, all loads hitting L1.

    `memory` is that of another board than the core's in MEMORIES.

    Three rules:

    - A load that misses L1 waits for the latency of the level that has its line, less `window`, and shares
      the wait with `parallel_misses` - 1 others. An in-order core waits for each in full: it stops at the
      first use. A prefetched line is there in time, and a store waits for nothing.
    - No level delivers faster than its bandwidth, prefetching or not. Main memory reads and writes by turns;
      what stores fetch is not read, for cores stream out lines that are written whole.
    - Transfers of all levels go on at once, and while the nest computes: HIDDEN of what could overlap does.
      Between nests nothing overlaps.

    The overlap of misses with each other and with instructions in the window is that of Karkhanis and Smith,
    "A First-Order Superscalar Processor Model" (ISCA 2004). Raises UsageError for a core of unknown memory.
    """
    memory = memory or _memory_of(core)
    waiting, transfers = 0.0, []
    for link, level in zip(memory.links, counts.levels[1:], strict=True):
        waiting += level.load_hits * max(0.0, link.latency - memory.window) / memory.parallel_misses
        transfers.append((level.lines_out - level.store_hits) * LINE / link.bandwidth)
    transfers[-1] += counts.levels[-2].lines_written_back * LINE / memory.write_bandwidth
    longest = max(transfers)
    return max(waiting, longest - HIDDEN * min(compute_cycles, longest))


def _memory_of(core: Core) -> Memory:
    if core.name not in MEMORIES:
        raise UsageError(f"the memory of {core.name} is not known: choose one of {', '.join(MEMORIES)}")
    return MEMORIES[core.name]
