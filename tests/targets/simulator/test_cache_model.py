from dataclasses import astuple

import numpy as np
import pytest

from armlet.errors import UsageError
from armlet.targets.cores import Cache, find_core
from armlet.targets.simulator.cache_model import PREFETCHERS, CacheConfig, CacheModel, Prefetcher

LINE = 64
BASE = 1 << 32
# 4 sets of 2 ways, and 8 sets of 4 ways.
SMALL_L1 = Cache(4 * 2 * LINE, 2, "lru")
SMALL_L2 = Cache(8 * 4 * LINE, 4, "lru")


def lines(*numbers):
    """The addresses of lines, counted from one that falls into the first set of any cache here."""
    return BASE + LINE * np.array(numbers, np.uint64)


def run(caches, addresses, *, size=4, stores=False, prefetcher=None):
    """The counts of each level after these accesses: L1, ..., main memory."""
    model = CacheModel(CacheConfig(tuple(caches), prefetcher))
    model.access(addresses, size, stores)
    return model.counts().levels


def traffic(level):
    return level.lines_in, level.lines_out, level.lines_written_back


def test_sequential_loads_miss_once_a_line():
    l1, l2, memory = run([SMALL_L1, SMALL_L2], BASE + np.arange(0, 16 * LINE, 4))
    assert (l1.load_hits, l1.load_misses) == (16 * 15, 16)
    assert (l2.load_hits, l2.load_misses) == (0, 16)
    assert (memory.load_hits, memory.load_misses) == (16, 0)
    assert traffic(l1) == (16, 0, 0)
    assert traffic(l2) == (16, 16, 0)
    assert traffic(memory) == (0, 16, 0)


def test_a_working_set_of_the_size_of_a_level_stays_in_it():
    l1, l2, _ = run([SMALL_L1, SMALL_L2], np.tile(lines(*range(8)), 10))
    assert (l1.hits, l1.misses) == (72, 8)
    assert l2.accesses == 8


def test_one_line_more_than_the_ways_makes_lru_miss_always_in_that_set():
    l1, l2, memory = run([SMALL_L1, SMALL_L2], np.tile(lines(*range(9)), 10))
    # Lines 0, 4 and 8 share the first set of L1; the other six lines stay.
    assert (l1.hits, l1.misses) == (6 * 9, 9 + 3 * 9)
    assert (l2.hits, l2.misses) == (3 * 9, 9)
    assert memory.hits == 9


def test_a_stride_of_the_sets_uses_one_set_only():
    l1, l2, _ = run([SMALL_L1, SMALL_L2], np.tile(lines(0, 4, 8, 12), 5))
    assert (l1.hits, l1.misses) == (0, 20)
    # In L2's 8 sets the four lines fall into two, of four ways each.
    assert (l2.hits, l2.misses) == (16, 4)


def test_lru_keeps_what_was_used_last():
    l1, *_ = run([SMALL_L1], lines(0, 4, 0, 8, 0, 4))
    # 8 drives out 4, not 0.
    assert (l1.hits, l1.misses) == (2, 4)


def test_pseudo_lru_follows_its_tree():
    # One set of four ways. After 0 1 2 3 the tree points at 0; using 0 turns it to the half of 2 and 3,
    # where 3 was used last: 4 replaces 2, though 1 was used longest ago.
    l1, *_ = run([Cache(4 * LINE, 4, "pseudo-lru")], lines(0, 1, 2, 3, 0, 4, 1))
    assert (l1.hits, l1.misses) == (2, 5)
    l1, *_ = run([Cache(4 * LINE, 4, "pseudo-lru")], lines(0, 1, 2, 3, 0, 4, 2))
    assert (l1.hits, l1.misses) == (1, 6)
    l1, *_ = run([Cache(4 * LINE, 4, "lru")], lines(0, 1, 2, 3, 0, 4, 2))
    assert (l1.hits, l1.misses) == (2, 5)


def test_random_replacement_survives_a_cycle_that_defeats_lru():
    cycle = np.tile(lines(*range(9)), 200)
    assert run([Cache(8 * LINE, 8, "lru")], cycle)[0].hits == 0
    survivors = run([Cache(8 * LINE, 8, "random")], cycle)[0].hits
    # One line of the nine is out. The next miss is 1 to 8 accesses on, each as likely: one miss in 4.5.
    assert survivors / cycle.size == pytest.approx(7 / 9, abs=0.02)


def test_dirty_lines_are_written_back_once_and_clean_ones_dropped():
    stored, loaded = lines(0, 4), lines(8, 12)
    model = CacheModel(CacheConfig((SMALL_L1,)))
    model.access(stored, 4, True)
    l1, memory = model.counts().levels
    assert (l1.store_misses, memory.store_hits) == (2, 2)
    assert traffic(l1) == (2, 0, 0)
    model.access(loaded, 4)
    assert model.counts().levels[0].lines_written_back == 2
    model.access(lines(16, 20), 4)
    assert model.counts().levels[0].lines_written_back == 2


def test_a_line_written_back_is_found_below():
    l1, l2, memory = run([SMALL_L1, SMALL_L2], lines(0, 4, 8, 0), stores=[1, 0, 0, 0])
    assert l1.lines_written_back == 1
    assert (l2.hits, l2.misses) == (1, 3)
    assert memory.lines_out == 3
    assert l2.lines_written_back == 0


@pytest.mark.parametrize(("offset", "size", "touched"), [(0, 64, 1), (60, 4, 1), (60, 8, 2), (63, 66, 3)])
def test_an_access_touches_each_line_that_it_straddles(offset, size, touched):
    l1, _ = run([SMALL_L1], BASE + offset, size=size)
    assert (l1.accesses, l1.misses) == (touched, touched)


def test_an_exclusive_level_holds_what_the_one_above_does_not():
    exclusive = Cache(8 * 4 * LINE, 4, "lru", exclusive=True)
    # 8 lines fit L1 and 32 fit L2: 40 stay in both together, and a loop over them never leaves the chip.
    cycle = np.tile(lines(*range(40)), 10)
    l1, l2, memory = run([SMALL_L1, exclusive], cycle)
    assert memory.lines_out == 40
    assert l1.misses == 400
    assert (l2.hits, l2.misses) == (360, 40)
    assert traffic(l2) == (0, 360, 0)
    *_, memory = run([SMALL_L1, SMALL_L2], cycle)
    assert memory.lines_out == 400


def test_a_dirty_line_keeps_dirty_on_its_way_up_from_an_exclusive_level():
    exclusive = Cache(8 * 4 * LINE, 4, "lru", exclusive=True)
    # Stored, evicted to L2, loaded again, evicted again: the last level has to write it in the end.
    model = CacheModel(CacheConfig((SMALL_L1, exclusive)))
    model.access(lines(0, 8, 16, 0, 24, 32), 4, [1, 0, 0, 0, 0, 0])
    assert model.counts().levels[0].lines_written_back == 2
    model.access(lines(*range(40, 104, 8)), 4)
    assert model.counts().levels[1].lines_written_back == 1


STREAM = Prefetcher(streams=2, training=2, l1_distance=2)


def test_a_stream_starts_after_its_training_and_stays_ahead():
    l1, memory = run([SMALL_L1], BASE + np.arange(0, 16 * LINE, 16), prefetcher=STREAM)
    # Lines 0 and 1 miss; the second brings lines 2 and 3, each of the others one more: up to line 17.
    assert (l1.load_misses, l1.load_hits) == (2, 62)
    assert (l1.prefetches, l1.useful_prefetches) == (16, 14)
    assert (memory.load_hits, memory.lines_out) == (2, 18)


@pytest.mark.parametrize(("stride", "misses"), [(-1, 2), (3, 2), (4, 2), (5, 16)])
def test_a_stride_is_followed_within_four_lines(stride, misses):
    l1, _ = run([Cache(32 * 1024, 4)], lines(*(200 + stride * n for n in range(16))), prefetcher=STREAM)
    assert l1.load_misses == misses


def test_more_rows_than_streams_are_not_followed():
    rows = [1000 * row + line for line in range(10) for row in range(3)]
    l1, _ = run([Cache(32 * 1024, 4)], lines(*rows), prefetcher=STREAM)
    assert (l1.load_misses, l1.prefetches) == (30, 0)
    four_streams = Prefetcher(streams=4, training=2, l1_distance=2)
    l1, _ = run([Cache(32 * 1024, 4)], lines(*rows), prefetcher=four_streams)
    assert l1.load_misses == 6


def test_stores_do_not_prefetch():
    l1, _ = run([SMALL_L1], lines(*range(16)), stores=True, prefetcher=STREAM)
    assert (l1.store_misses, l1.prefetches) == (16, 0)


def test_l2_runs_farther_ahead_than_l1():
    prefetcher = Prefetcher(streams=2, training=2, l1_distance=1, l2_distance=6)
    caches = [Cache(8 * 1024, 4), Cache(64 * 1024, 4)]
    l1, l2, memory = run(caches, lines(*range(20)), prefetcher=prefetcher)
    assert (l1.load_misses, l1.prefetches, l1.useful_prefetches) == (2, 19, 18)
    # Two lines more at each step: 2, 3 at line 1, then 4, 5 ... until six ahead, then one: lines 2 to 25.
    assert (l2.prefetches, l2.useful_prefetches) == (24, 19)
    assert memory.lines_out == 26


def test_the_next_line_comes_into_l2():
    prefetcher = Prefetcher(streams=0, training=0, l1_distance=0, next_line=True)
    l1, l2, memory = run([SMALL_L1, SMALL_L2], lines(0, 1, 100, 101), prefetcher=prefetcher)
    assert (l1.misses, l2.hits, l2.misses) == (4, 2, 2)
    assert (l2.prefetches, l2.useful_prefetches) == (4, 2)
    assert memory.lines_out == 6


def test_each_owner_is_counted_apart():
    model = CacheModel(CacheConfig((SMALL_L1, SMALL_L2), STREAM, owners=3))
    model.access(lines(0, 0, 0), 4, False, [0, 1, 1])
    assert [model.counts(owner).levels[0].misses for owner in range(3)] == [1, 0, 0]
    assert [model.counts(owner).levels[0].hits for owner in range(3)] == [0, 2, 0]
    with pytest.raises(UsageError, match="there is no owner 3: 3 are counted, from 0"):
        model.access(lines(0), 4, False, 3)
    with pytest.raises(UsageError, match="there is no owner -1"):
        model.counts(-1)


def test_reset_makes_it_as_new():
    config = CacheConfig.of_core(find_core("cortex-a53"))
    trace = BASE + LINE * np.random.default_rng(0).integers(0, 20_000, 50_000)
    model = CacheModel(config)
    model.access(trace, 4)
    first = model.counts()
    model.reset()
    assert model.counts().levels[0].accesses == 0
    model.access(trace, 4)
    assert model.counts() == first


GOLDEN = {
    "cortex-a53": [
        (147448, 49154, 15008, 9686, 73854, 0, 59081, 49160, 49130),
        (758, 507, 14250, 9179, 0, 34168, 18000, 0, 0),
        (14250, 9179, 0, 0, 0, 39686, 0, 0, 0),
    ],
    "cortex-a76": [
        (147447, 49156, 15009, 9684, 73829, 0, 57810, 49136, 49112),
        (2723, 4152, 12286, 5532, 48019, 73829, 22071, 30201, 22038),
        (2949, 1571, 9337, 3961, 0, 15479, 0, 0, 0),
        (9337, 3961, 0, 0, 0, 32540, 0, 0, 0),
    ],
}


# A fixed trace, so that every machine is a witness that the model gives the same everywhere.
@pytest.mark.parametrize("name", ["cortex-a53", "cortex-a76"])
def test_golden_counts(name):
    sweeps = np.tile(np.arange(0, 1 << 19, 16), 3)
    scattered = np.arange(20_000) * 2654435761 % (1 << 21)
    model = CacheModel(CacheConfig.of_core(find_core(name)))
    for part in (sweeps, scattered, sweeps):
        model.access(BASE + part.astype(np.uint64), 16, part % 64 >= 48)
    assert [astuple(level) for level in model.counts().levels] == GOLDEN[name]


def test_where_pages_lie_changes_nothing():
    rng = np.random.default_rng(0)
    pages, offsets = rng.integers(0, 500, 30_000), rng.integers(0, 4096, 30_000)
    elsewhere = rng.permutation(5000)[:500] * 4096
    totals = []
    for starts in (np.arange(500) * 8192, elsewhere):
        # No stream crosses from a page to the next: what lies there differs.
        model = CacheModel(CacheConfig((find_core("cortex-a72").l1d, find_core("cortex-a72").l2)))
        model.access(BASE + starts[pages] + offsets, 1)
        totals.append(model.counts())
    assert totals[0] == totals[1]
    assert totals[0].levels[0].misses > 10_000


@pytest.mark.parametrize("name", PREFETCHERS)
def test_every_core_has_a_model(name):
    core = find_core(name)
    model = CacheModel(CacheConfig.of_core(core))
    # Half of L1, read three times over: misses the first time only.
    model.access(np.tile(BASE + np.arange(0, core.l1d.size // 2, LINE), 3), 4)
    levels = model.counts().levels
    assert len(levels) == 2 + (core.l2 is not None) + (core.l3 is not None)
    assert levels[0].misses <= 3
    assert levels[0].lines_in <= core.l1d.size // 2 // LINE + 16


def test_the_caches_of_the_host_are_not_known():
    with pytest.raises(UsageError, match=r"^the caches of host are not known: choose one of cortex-a53, "):
        CacheConfig.of_core(find_core("host"))


@pytest.mark.parametrize(
    "caches", [(), (Cache(3 * 2 * LINE, 2),), (Cache(3 * LINE, 3),), (SMALL_L1,) * 4], ids=str
)
def test_caches_that_cannot_be_modelled_are_refused(caches):
    with pytest.raises(UsageError, match=r"cannot be modelled: 1 to 3 levels, sets and ways powers of two$"):
        CacheModel(CacheConfig(caches))
