"""Accesses as emulators report them: however one is cut, the same is counted."""

import ctypes

import pytest

from armlet.targets import find_core
from armlet.targets.simulator.cache_model import CacheConfig, CacheModel

READ, WRITE = 16, 17  # unicorn's UC_MEM_READ and UC_MEM_WRITE
BASE = 1 << 20


def l1_counts(*accesses):
    """L1's counts of (kind, offset, bytes) in order, as unicorn would pass them."""
    model = CacheModel(CacheConfig.of_core(find_core("cortex-a72")))
    function, client = model.hook()
    types = (ctypes.c_void_p, ctypes.c_int, ctypes.c_uint64, ctypes.c_int, ctypes.c_int64, ctypes.c_void_p)
    hook = ctypes.CFUNCTYPE(None, *types)(function.value)
    for kind, offset, size in accesses:
        hook(None, kind, BASE + offset, size, 0, ctypes.addressof(client))
    return model.counts().levels[0]


@pytest.mark.parametrize("kind", [READ, WRITE])
@pytest.mark.parametrize(
    ("whole", "pieces"),
    [
        ([(0, 16), (16, 16)], [(0, 8), (8, 8), (16, 8), (24, 8)]),  # a pair of 128-bit registers
        ([(8, 8)], [(8, 4), (12, 4)]),  # a pair of 32-bit registers
        ([(56, 16)], [(56, 8), (64, 8)]),  # over the end of a line, at it
        ([(60, 16)], [(60, 8), (68, 8)]),  # over the end of a line, in a piece
        ([(0, 16), (16, 16), (32, 16), (48, 16), (64, 16)], [(8 * n, 8) for n in range(10)]),
    ],
)
def test_pieces_count_as_the_whole(kind, whole, pieces):
    assert l1_counts(*((kind, *access) for access in whole)) == l1_counts(
        *((kind, *access) for access in pieces)
    )


def test_what_counts():
    counts = l1_counts((READ, 0, 8), (READ, 8, 8), (READ, 0, 8), (WRITE, 8, 8), (WRITE, 16, 8), (READ, 24, 8))
    assert (counts.load_misses, counts.load_hits, counts.store_hits) == (1, 2, 1)
