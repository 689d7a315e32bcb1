from dataclasses import replace

import numpy as np
import pytest

from armlet.errors import UsageError
from armlet.targets.cores import find_core
from armlet.targets.simulator.cache_model import (
    PREFETCHERS,
    CacheConfig,
    CacheCounts,
    CacheModel,
    LevelCounts,
)
from armlet.targets.simulator.memory_stalls import HIDDEN, MEMORIES, stall_cycles

SOURCE, TARGET = 1 << 32, 1 << 33
NONE = LevelCounts(0, 0, 0, 0, 0, 0, 0, 0, 0)


def counts(*levels, **changes):
    """Counts of A53 and A72 (L1, L2, main memory) with `changes` at the level named first."""
    named = dict.fromkeys(["l1", "l2", "memory"], NONE)
    named[levels[0]] = replace(NONE, **changes)
    return CacheCounts(tuple(named.values()))


def test_hits_in_l1_cost_nothing():
    for name in ("cortex-a53", "cortex-a72"):
        assert stall_cycles(counts("l1", load_hits=10**6, store_hits=10**6), find_core(name)) == 0


def test_an_in_order_core_waits_for_each_miss_in_full():
    core = find_core("cortex-a53")
    assert stall_cycles(counts("l2", load_hits=1000, lines_out=1000), core) == 1000 * 13
    assert stall_cycles(counts("memory", load_hits=1000, lines_out=1000), core) == 1000 * 210


def test_an_out_of_order_core_hides_l2_and_overlaps_the_misses_of_main_memory():
    core = find_core("cortex-a72")
    # 17 cycles fit the window of 42, and six misses are under way at once.
    assert stall_cycles(counts("l2", load_hits=1000), core) == 0
    assert stall_cycles(counts("memory", load_hits=600, lines_out=600), core) == 100 * (228 - 42)


def test_prefetched_lines_cost_their_transfer_where_it_is_not_hidden():
    core = find_core("cortex-a53")
    streamed = counts("memory", lines_out=9000)
    transfer = 9000 * 64 / 1.8
    assert stall_cycles(streamed, core) == pytest.approx(transfer)
    assert stall_cycles(streamed, core, 100_000) == pytest.approx(transfer - HIDDEN * 100_000)
    assert stall_cycles(streamed, core, 10**9) == pytest.approx((1 - HIDDEN) * transfer)


def test_stores_wait_for_nothing_but_are_written_in_the_end():
    core = find_core("cortex-a53")
    assert stall_cycles(counts("memory", store_hits=1000, lines_out=1000), core) == 0
    written = counts("l2", lines_written_back=1000)
    assert stall_cycles(written, core) == pytest.approx(64_000 / 1.17)


def test_every_modelled_core_has_its_memory():
    assert MEMORIES.keys() == PREFETCHERS.keys()
    for name, memory in MEMORIES.items():
        core = find_core(name)
        assert len(memory.links) == 1 + (core.l2 is not None) + (core.l3 is not None)
        latencies = [link.latency for link in memory.links]
        bandwidths = [link.bandwidth for link in memory.links]
        assert latencies == sorted(latencies)
        assert bandwidths == sorted(bandwidths, reverse=True)
        assert (memory.window > 0) == (core.pipeline == "out-of-order")


def test_the_memory_of_the_host_is_not_known():
    with pytest.raises(UsageError, match=r"^the memory of host is not known: choose one of cortex-a53, "):
        stall_cycles(counts("l1"), find_core("host"))


# What libc's memcpy reached by the results that MEMORIES names, in MB/s; no constant was taken from it but
# A72's bandwidth of loads. A510's result is of a phone in use.
@pytest.mark.parametrize(
    ("name", "gigahertz", "measured"),
    [
        ("cortex-a53", 1.4, 1228),
        ("cortex-a55", 1.95, 3894),
        ("cortex-a72", 1.8, 2326),
        ("cortex-a73", 2.4, 5079),
        ("cortex-a76", 2.4, 6025),
        ("cortex-a78", 2.4, 7019),
        ("cortex-x1", 3.0, 17503),
    ],
)
def test_copying_is_as_fast_as_was_measured(name, gigahertz, measured):
    core = find_core(name)
    size = 16 << 20
    offsets = np.arange(0, size, 32)
    model = CacheModel(CacheConfig.of_core(core))
    addresses = np.stack([SOURCE + offsets, TARGET + offsets], axis=1).ravel()
    model.access(addresses, 32, np.tile([False, True], offsets.size))
    # What is still in the caches has to be written as well.
    unwritten = size // 64 - model.counts().levels[-2].lines_written_back
    last = replace(NONE, lines_written_back=unwritten)
    rest = CacheCounts((*[NONE] * (len(model.counts().levels) - 2), last, NONE))
    rate = size / stall_cycles(model.counts() + rest, core) * gigahertz * 1000
    assert rate == pytest.approx(measured, rel=0.3)
