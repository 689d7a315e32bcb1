"""The cache model against the same in Python, on random accesses."""

import itertools
from dataclasses import fields

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from armlet.targets.cores import Cache
from armlet.targets.simulator.cache_model import CacheConfig, CacheCounts, CacheModel, LevelCounts, Prefetcher

LINE = 64
BASE = 1 << 32


class ReferenceLevel:
    """One level as plainly as can be: a dictionary of its lines for each set, one by one."""

    def __init__(self, cache):
        self.cache = cache
        self.sets = [{} for _ in range(cache.size // LINE // cache.ways)]  # way -> line
        self.last_use = [[0] * cache.ways for _ in self.sets]
        self.tree = [{} for _ in self.sets]  # the path to a node -> the half that it points at
        self.flags = {}  # line -> set of "dirty", "prefetched"
        self.random, self.time = 1, 0

    def touch(self, line):
        index = line % len(self.sets)
        way = next(way for way, there in self.sets[index].items() if there == line)
        self.time += 1
        self.last_use[index][way] = self.time
        path = f"{way:0{self.cache.ways.bit_length() - 1}b}" if self.cache.ways > 1 else ""
        for depth, half in enumerate(path):
            self.tree[index][path[:depth]] = "1" if half == "0" else "0"

    def free_way(self, line):
        """The way for a line, and the line that has to leave it, if any."""
        index = line % len(self.sets)
        ways = self.sets[index]
        for way in range(self.cache.ways):
            if way not in ways:
                return way, None
        if self.cache.replacement == "lru":
            way = min(ways, key=lambda way: self.last_use[index][way])
        elif self.cache.replacement == "random":
            for shift in (13, -17, 5):
                shifted = self.random << shift if shift > 0 else self.random >> -shift
                self.random = (self.random ^ shifted) & 0xFFFFFFFF
            way = self.random % self.cache.ways
        else:
            path = ""
            while 1 << len(path) < self.cache.ways:
                path += self.tree[index].get(path, "0")
            way = int(path or "0", 2)
        return way, ways[way]

    def insert(self, line, flags):
        """Put a line in; returns the line that left and its flags."""
        way, leaver = self.free_way(line)
        self.sets[line % len(self.sets)][way] = line
        left = self.flags.pop(leaver) if leaver is not None else set()
        self.flags[line] = set(flags)
        self.touch(line)
        return leaver, left

    def remove(self, line):
        ways = self.sets[line % len(self.sets)]
        del ways[next(way for way, there in ways.items() if there == line)]
        return self.flags.pop(line)


class ReferenceModel:
    """The cache model again, slow and in Python."""

    def __init__(self, config):
        self.levels = [ReferenceLevel(cache) for cache in config.caches]
        self.prefetcher = config.prefetcher
        self.streams, self.time, self.frames = [], 0, {}
        names = [field.name for field in fields(LevelCounts)]
        self.table = [
            [dict.fromkeys(names, 0) for _ in range(len(self.levels) + 1)] for _ in range(config.owners)
        ]

    def counts(self, owner):
        return CacheCounts(tuple(LevelCounts(**level) for level in self.table[owner]))

    def access(self, address, size, store, owner):
        self.owner = self.table[owner]
        for line in range(address // LINE, (address + size - 1) // LINE + 1):
            self.access_line(line, "store" if store else "load")

    def physical(self, line):
        return self.frames.setdefault(line // 64, len(self.frames)) * 64 + line % 64

    def access_line(self, virtual, kind):
        l1, line = self.levels[0], self.physical(virtual)
        found = self.look_up(0, line, kind)
        news = not found or "prefetched" in l1.flags[line]
        if found:
            l1.flags[line].discard("prefetched")
            l1.touch(line)
        else:
            self.owner[0]["lines_in"] += 1
            self.put(0, line, self.fetch(1, line, kind))
        if kind == "store":
            l1.flags[line].add("dirty")
        elif news and self.prefetcher:
            self.train(virtual)

    def look_up(self, i, line, kind):
        found = line in self.levels[i].flags
        if kind != "prefetch":
            self.owner[i][f"{kind}_{'hits' if found else 'misses'}"] += 1
        if found and "prefetched" in self.levels[i].flags[line]:
            self.owner[i]["useful_prefetches"] += 1
        return found

    def fetch(self, i, line, kind):
        if i == len(self.levels):
            if kind != "prefetch":
                self.owner[i][f"{kind}_hits"] += 1
            self.owner[i]["lines_out"] += 1
            return set()
        level = self.levels[i]
        found = self.look_up(i, line, kind)
        if level.cache.exclusive and not found:
            return self.fetch(i + 1, line, kind)
        self.owner[i]["lines_out"] += 1
        if level.cache.exclusive:
            return level.remove(line) & {"dirty"}
        if found:
            level.flags[line].discard("prefetched")
            level.touch(line)
        else:
            self.owner[i]["lines_in"] += 1
            self.put(i, line, self.fetch(i + 1, line, kind))
        return set()

    def put(self, i, line, flags):
        if i == len(self.levels):
            return
        if line in self.levels[i].flags:
            self.levels[i].flags[line] |= flags
            self.levels[i].touch(line)
            return
        leaver, left = self.levels[i].insert(line, flags)
        below_is_exclusive = i + 1 < len(self.levels) and self.levels[i + 1].cache.exclusive
        self.owner[i]["lines_written_back"] += "dirty" in left
        if leaver is not None and ("dirty" in left or below_is_exclusive):
            self.put(i + 1, leaver, left & {"dirty"})

    def prefetch(self, i, virtual):
        line = self.physical(virtual)
        if any(line in level.flags for level in self.levels[: i + 1]):
            return
        self.owner[i]["prefetches"] += 1
        self.owner[i]["lines_in"] += 1
        self.put(i, line, self.fetch(i + 1, line, "prefetch") | {"prefetched"})

    def train(self, line):
        wanted = self.prefetcher
        stream = self.follow(line)
        self.time += 1
        if stream:
            stream["used"] = self.time
        if stream and stream["length"] >= wanted.training:
            distances = [wanted.l1_distance, wanted.l2_distance]
            for i in reversed(range(min(2, len(self.levels)))):
                for _ in range(min(2, distances[i] - stream["ahead"][i])):
                    stream["ahead"][i] += 1
                    self.prefetch(i, line + stream["stride"] * stream["ahead"][i])
        elif wanted.next_line and len(self.levels) > 1:
            self.prefetch(1, line + 1)

    def follow(self, line):
        if not self.prefetcher.streams:
            return None
        for stream in self.streams:
            if stream["stride"] and line == stream["last"] + stream["stride"]:
                ahead = [max(0, lines - 1) for lines in stream["ahead"]]
                stream |= {"last": line, "length": stream["length"] + 1, "ahead": ahead}
                return stream
        for stream in self.streams:
            if abs(line - stream["last"]) <= 4:
                if line != stream["last"]:
                    stream |= {"stride": line - stream["last"], "last": line, "length": 2, "ahead": [0, 0]}
                return stream
        if len(self.streams) < self.prefetcher.streams:
            self.streams.append({})
        stream = min(self.streams, key=lambda stream: stream.get("used", 0))
        stream |= {"last": line, "stride": 0, "length": 1, "ahead": [0, 0]}
        return stream


@st.composite
def configs(draw):
    policies = st.sampled_from(["lru", "pseudo-lru", "random"])
    caches = []
    for level in range(draw(st.integers(1, 3))):
        sets, ways = draw(st.sampled_from([1, 2, 4])) << level, draw(st.sampled_from([1, 2, 4]))
        exclusive = level > 0 and draw(st.booleans())
        caches.append(Cache(sets * ways * LINE, ways, draw(policies), exclusive))
    counts = st.integers(0, 3)
    prefetcher = st.builds(Prefetcher, counts, st.integers(2, 3), counts, st.integers(0, 5), st.booleans())
    return CacheConfig(tuple(caches), draw(st.none() | prefetcher), owners=2)


# Runs at small strides, which start streams, between jumps.
RUNS = st.lists(
    st.tuples(
        st.integers(0, 60), st.integers(-5, 5), st.integers(1, 8), st.integers(0, 1), st.integers(0, 1)
    ),
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(configs(), RUNS, st.sampled_from([1, 8, 40, 130]))
def test_it_does_what_the_reference_does(config, runs, size):
    accesses = [
        (BASE + LINE * (start + stride * n) + 8 * n, size, store, owner)
        for start, stride, length, store, owner in runs
        for n in range(length)
    ]
    reference, model = ReferenceModel(config), CacheModel(config)
    for access in accesses:
        reference.access(*access)
    model.access(*np.array(accesses, np.uint64).reshape(-1, 4).T)
    for owner in range(2):
        assert model.counts(owner) == reference.counts(owner)


@settings(max_examples=100, deadline=None)
@given(configs(), RUNS)
def test_counts_add_up(config, runs):
    model = CacheModel(config)
    total = sum(length for _, _, length, _, _ in runs)
    for start, stride, length, store, owner in runs:
        model.access(BASE + LINE * (start + stride * np.arange(length)), 4, store, owner)
    levels = (model.counts(0) + model.counts(1)).levels
    assert levels[0].accesses == total
    for above, below in itertools.pairwise(levels):
        assert below.accesses == above.misses
    assert levels[-1].misses == 0
    # Every line that comes to the core, asked for or prefetched, is given by one level.
    assert levels[0].lines_in == levels[0].misses + levels[0].prefetches
    assert all(level.useful_prefetches <= level.prefetches for level in levels)
