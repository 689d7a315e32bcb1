"""A small traced program, the same for all tests of what is made of a trace."""

import pytest

from armlet.targets.simulator.cache_model import CacheCounts, LevelCounts
from armlet.targets.simulator.trace import Block, Trace

# Eight fmla of four lanes, by the lanes of two registers; ldr q; ldp q, q; subs; b.ne to the first.
LOOP = (
    *(0x4F911200, 0x4FB11201, 0x4F911A02, 0x4FB11A03, 0x4F921204, 0x4FB21205, 0x4F921A06, 0x4FB21A07),
    *(0x3CC10410, 0xACC14831, 0xF1000442, 0x54FFFEA1),
)
STORE_AND_RETURN = (0x3D800060, 0xD65F03C0)  # str q0, [x3]; ret
COPY = (0xF9400001, 0xF9000041, 0xD65F03C0)  # ldr x1, [x0]; str x1, [x2]; ret


def counts(**l1: int) -> CacheCounts:
    """The counts of two levels and memory, all zero but those given of L1D."""
    zero = dict.fromkeys(LevelCounts.__dataclass_fields__, 0)
    return CacheCounts((LevelCounts(**zero | l1), LevelCounts(**zero), LevelCounts(**zero)))


@pytest.fixture
def loop_words() -> tuple[int, ...]:
    return LOOP


@pytest.fixture
def trace() -> Trace:
    """At 0x1000 LOOP, ten times of a hundred iterations, and STORE_AND_RETURN; at 0x2000 COPY, once."""
    blocks = (Block(0x1000, 1000, LOOP), Block(0x1030, 10, STORE_AND_RETURN), Block(0x2000, 1, COPY))
    edges = {(0x102C, 0x1000): 990, (0x102C, 0x1030): 10}
    memory = {
        0x1000: counts(load_hits=2990, load_misses=10, lines_in=10),
        0x1030: counts(store_hits=10),
        0x2000: counts(load_hits=1, store_hits=1),
    }
    return Trace(blocks, edges, memory)


@pytest.fixture
def kernel_at():
    return lambda address: "gemm" if address < 0x2000 else "copy"
