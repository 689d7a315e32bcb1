"""Vectors, and channels cut into them: nothing is left out, nothing is done twice."""

import pytest

from armlet.compiler.kernels.register_tile import panels
from armlet.compiler.kernels.vectors import Vector, channel_blocks
from armlet.targets import find_core

TYPES = [Vector("float32", 4), Vector("float16", 8), Vector("float32", 8)]


def test_a_vector_is_what_a_register_holds():
    a55 = find_core("cortex-a55")
    assert Vector.of("float32", a55) == Vector("float32", 4)
    assert Vector.of("float16", a55) == Vector("float16", 8)
    assert (Vector("float16", 8).line, Vector("float32", 4).line) == (32, 16)


@pytest.mark.parametrize("vector", TYPES, ids=str)
@pytest.mark.parametrize("block", [1, 16, 40, 200])
def test_blocks_cover_every_channel_once(vector, block):
    for channels in range(1, 100):
        seen = [
            blocks.channel(number, part) + lane
            for blocks in channel_blocks(channels, block, vector)
            for number in range(blocks.count)
            for part in range(blocks.vectors)
            for lane in range(blocks.vector.lanes)
        ]
        assert seen == list(range(channels))


@pytest.mark.parametrize("vector", TYPES, ids=str)
@pytest.mark.parametrize("vectors", [1, 2, 3, 4])
def test_panels_are_whole_vectors_and_the_last_stands_alone(vector, vectors):
    for channels in range(1, 100):
        cut = panels(channels, vectors, vector)
        covered = sum(width * count for width, count in cut)
        assert covered == vector.rounded_up(channels)
        assert all(width % vector.lanes == 0 and width <= vectors * vector.lanes for width, _ in cut)
        assert covered == channels or cut[-1][1] == 1
