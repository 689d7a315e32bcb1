"""Which outputs see which pixel, against counting it out."""

import pytest

from armlet.compiler.kernels.axis import Axis

AXES = [
    Axis(size, taps, stride, dilation, before, after)
    for size in (7, 10)
    for taps in (1, 3, 5)
    for stride in (1, 2, 3)
    for dilation in (1, 2)
    for before, after in ((0, 0), (2, 1), (4, 4))
    if size + before + after > (taps - 1) * dilation
]


@pytest.mark.parametrize("axis", AXES, ids=str)
def test_every_tap_of_every_output_is_found_once(axis):
    uses = {
        (output, tap): pixel
        for pixel in axis.pixels(axis.outputs)
        for output, tap in axis.uses(pixel, axis.outputs)
    }
    assert uses == {
        (output, tap): output * axis.stride + tap * axis.dilation
        for output in range(axis.outputs)
        for tap in range(axis.taps)
    }
    last = (axis.outputs - 1) * axis.stride + axis.span
    assert last <= axis.size + axis.before + axis.after < last + axis.stride


@pytest.mark.parametrize("axis", AXES, ids=str)
def test_what_is_inside_is_no_padding(axis):
    for first in range(axis.outputs):
        inside = {first * axis.stride - axis.before + pixel for pixel in axis.inside(first, 1)}
        assert inside == set(range(axis.size)) & {
            first * axis.stride - axis.before + pixel for pixel in range(axis.span)
        }


def test_outputs_in_flight():
    assert Axis(9, 3).in_flight == 3
    assert Axis(9, 3, stride=2).in_flight == 2
    assert Axis(9, 3, dilation=2).in_flight == 5
    assert Axis(9, 5, stride=2).in_flight == 3
