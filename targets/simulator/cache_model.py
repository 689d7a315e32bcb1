"""The cache model (cache_model.c) of a core, counting for each kernel what it hits, misses and moves."""

import ctypes
import functools
import platform
import weakref
from collections.abc import Iterable
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from ...cache import built_once, cache_folder, content_key
from ...errors import UsageError
from ..cores import Cache, Core
from ..toolchains import find_toolchain

LINE = 64
MAX_LEVELS = 3
REPLACEMENTS = ("lru", "pseudo-lru", "random")


@dataclass(frozen=True)
class Prefetcher:
    """A stride prefetcher: `training` misses at one stride start one of its `streams`.

    A stream runs `l1_distance` lines ahead in L1 and `l2_distance` in L2. With `next_line`, a miss of no
    stream brings its neighbour into L2.
    """

    streams: int
    training: int
    l1_distance: int
    l2_distance: int = 0
    next_line: bool = False


# Documented: A53 starts 2 streams, each after 2 misses, and has 5 prefetches outstanding (TRM DDI 0500, reset
# values of CPUACTLR_EL1); A55 follows several streams, farther ahead as it gains confidence (TRM 100442,
# A6.5); the out-of-order cores prefetch loads into L1 and L2 (A72: TRM 100095, 6.4.9; A76: TRM 100798, A6.5),
# and A72 fetches the next line on a miss (seen at sandsoftwaresound.net, "ARM Cortex-A72 tuning: Memory
# access"). Assumed: all the other numbers, and that the other cores do as these.
_IN_ORDER = Prefetcher(streams=4, training=3, l1_distance=8)
_OUT_OF_ORDER = Prefetcher(streams=16, training=3, l1_distance=4, l2_distance=16, next_line=True)
PREFETCHERS = {
    "cortex-a53": Prefetcher(streams=2, training=2, l1_distance=5),
    "cortex-a55": _IN_ORDER,
    "cortex-a510": _IN_ORDER,
    "cortex-a72": _OUT_OF_ORDER,
    "cortex-a73": _OUT_OF_ORDER,
    "cortex-a76": _OUT_OF_ORDER,
    "cortex-a78": _OUT_OF_ORDER,
    "cortex-x1": _OUT_OF_ORDER,
    "cortex-a710": _OUT_OF_ORDER,
}


@dataclass(frozen=True)
class LevelCounts:
    """What one owner's accesses did at one level; the fields of cache_level_counts in cache_model.h."""

    load_hits: int
    store_hits: int
    load_misses: int
    store_misses: int
    lines_in: int
    lines_out: int
    lines_written_back: int
    prefetches: int
    useful_prefetches: int

    @property
    def accesses(self) -> int:
        """Lines asked for: by the core at L1, by misses of the level above elsewhere."""
        return self.hits + self.misses

    @property
    def hits(self) -> int:
        """Lines found."""
        return self.load_hits + self.store_hits

    @property
    def misses(self) -> int:
        """Lines not found."""
        return self.load_misses + self.store_misses

    @property
    def bytes_in(self) -> int:
        """What came in from the level below, prefetched or asked for."""
        return LINE * self.lines_in

    @property
    def bytes_out(self) -> int:
        """What was given to the level above: by L1, none."""
        return LINE * self.lines_out

    @property
    def bytes_written_back(self) -> int:
        """What was sent to the level below."""
        return LINE * self.lines_written_back

    def to_json(self) -> dict[str, int]:
        """Hits, misses and prefetches in lines, traffic in bytes."""
        lines = {name: count for name, count in asdict(self).items() if not name.startswith("lines_")}
        traffic = ("bytes_in", "bytes_out", "bytes_written_back")
        return lines | {name: getattr(self, name) for name in traffic}


@dataclass(frozen=True)
class CacheCounts:
    """The counts of each level of a core: L1D first, main memory (where everything hits) last."""

    levels: tuple[LevelCounts, ...]

    @property
    def named(self) -> dict[str, LevelCounts]:
        """The levels by name: L1D, L2, L3 where there is one, memory."""
        *caches, memory = self.levels
        return {**dict(zip(("L1D", "L2", "L3"), caches, strict=False)), "memory": memory}

    @classmethod
    def of(cls, numbers: Iterable[int]) -> Self:
        """The counts whose fields, level by level, are `numbers`."""
        flat, width = list(numbers), len(fields(LevelCounts))
        return cls(tuple(LevelCounts(*flat[i : i + width]) for i in range(0, len(flat), width)))

    @property
    def numbers(self) -> list[int]:
        """The fields, level by level, for `of`."""
        return [number for level in self.levels for number in astuple(level)]

    @classmethod
    def none(cls, core: Core) -> Self:
        """All zero, for the levels of `core`."""
        levels = 1 + sum(cache is not None for cache in (core.l1d, core.l2, core.l3))
        return cls.of([0] * levels * len(fields(LevelCounts)))

    def __add__(self, other: Self) -> Self:
        """Both together, level by level; they are of the same core."""
        pairs = zip(self.levels, other.levels, strict=True)
        sums = (map(sum, zip(astuple(a), astuple(b), strict=True)) for a, b in pairs)
        return type(self)(tuple(LevelCounts(*counts) for counts in sums))


@dataclass(frozen=True)
class CacheConfig:
    """What a model is made of: the caches, L1D first; the prefetcher, if any; how many owners are counted."""

    caches: tuple[Cache, ...]
    prefetcher: Prefetcher | None = None
    owners: int = 1

    @classmethod
    def of_core(cls, core: Core, owners: int = 1) -> Self:
        """The caches of `core`. Raises UsageError if they are not known, as those of the core `host`."""
        if core.name not in PREFETCHERS:
            known = ", ".join(PREFETCHERS)
            raise UsageError(f"the caches of {core.name} are not known: choose one of {known}")
        caches = tuple(cache for cache in (core.l1d, core.l2, core.l3) if cache)
        return cls(caches, PREFETCHERS[core.name], owners)

    def pack(self) -> bytes:
        """The struct cache_config of cache_model.h, in the byte order of this machine."""
        levels = np.zeros((MAX_LEVELS, 4), np.uint32)
        for level, cache in zip(levels, self.caches, strict=False):
            sets = cache.size // (LINE * cache.ways)
            level[:] = sets, cache.ways, REPLACEMENTS.index(cache.replacement), cache.exclusive
        rest = (len(self.caches), self.owners, *astuple(self.prefetcher or Prefetcher(0, 0, 0)))
        return levels.tobytes() + np.array(rest, np.uint32).tobytes()


class Client(ctypes.Structure):
    """The accesses of unicorn: their `owner` may be set at any time. It is cache_client of cache_model.h."""

    _fields_ = (
        ("model", ctypes.c_void_p),
        ("end", ctypes.c_uint64),
        ("is_store", ctypes.c_uint32),
        ("owner", ctypes.c_uint32),
    )


class CacheModel:
    """A core's caches, empty at first, through which accesses are passed in the order of the program.

    Raises UsageError for caches that cannot be modelled, ArmletError if there is no C compiler.
    """

    def __init__(self, config: CacheConfig) -> None:
        self.config = config
        self._library = _load_library()
        self._model = None
        if len(config.caches) <= MAX_LEVELS:
            self._model = self._library.cache_model_new(config.pack())
        if not self._model:
            raise UsageError(f"{config} cannot be modelled: 1 to 3 levels, sets and ways powers of two")
        weakref.finalize(self, self._library.cache_model_free, self._model)

    def reset(self) -> None:
        """Empty every level and set every count to 0."""
        self._library.cache_model_reset(self._model)

    def access(
        self, addresses: ArrayLike, sizes: ArrayLike, stores: ArrayLike = False, owners: ArrayLike = 0
    ) -> None:
        """Pass accesses through: byte addresses, sizes in bytes (from 1), whether they store, their owners.

        One-dimensional arrays of one length, or single values for all of them. Raises UsageError if an owner
        is not below the configured number.
        """
        arrays = [
            np.ascontiguousarray(array)
            for array in np.broadcast_arrays(
                np.atleast_1d(np.asarray(addresses, np.uint64)),
                np.asarray(sizes, np.uint32),
                np.asarray(stores, np.uint8),
                np.asarray(owners, np.uint32),
            )
        ]
        self._require_owner(arrays[-1].max(initial=0))
        self._library.cache_model_access_all(self._model, arrays[0].size, *(array.ctypes for array in arrays))

    def counts(self, owner: int = 0) -> CacheCounts:
        """The counts of `owner` since the start, or the last reset; UsageError if there is none such."""
        self._require_owner(owner)
        table = np.zeros((MAX_LEVELS + 1, len(fields(LevelCounts))), np.uint64)
        self._library.cache_model_counts(self._model, owner, table.ctypes)
        levels = table[: len(self.config.caches) + 1].tolist()
        return CacheCounts(tuple(LevelCounts(*level) for level in levels))

    def hook(self) -> tuple[ctypes.c_void_p, Client]:
        """A C function for unicorn to call for each load and store, and what it is to be called with."""
        return ctypes.cast(self._library.cache_client_hook, ctypes.c_void_p), Client(self._model)

    def _require_owner(self, owner: int) -> None:
        if not 0 <= owner < self.config.owners:
            raise UsageError(f"there is no owner {owner}: {self.config.owners} are counted, from 0")


@functools.cache
def _load_library() -> ctypes.CDLL:
    """The functions of cache_model.h, built for this machine once."""
    toolchain = find_toolchain("linux", platform.machine())
    sources = [Path(__file__).with_name(name) for name in ("cache_model.c", "cache_model.h")]
    folder = cache_folder("simulator") / f"cache-model-{content_key(str(toolchain), *sources)}"
    with built_once(folder) as draft:
        if draft:
            toolchain.build_plugin(sources[:1], draft / "cache_model.so")
    library = ctypes.CDLL(str(folder / "cache_model.so"))
    pointer = ctypes.c_void_p
    library.cache_model_new.restype = pointer
    library.cache_model_new.argtypes = [ctypes.c_char_p]
    library.cache_model_free.argtypes = library.cache_model_reset.argtypes = [pointer]
    library.cache_model_access_all.argtypes = [pointer, ctypes.c_size_t, pointer, pointer, pointer, pointer]
    library.cache_model_counts.argtypes = [pointer, ctypes.c_uint32, pointer]
    return library
