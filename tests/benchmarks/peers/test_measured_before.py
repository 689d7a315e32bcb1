"""Counts are held against what was measured before: within 1%, or the digit of the figure."""

import pytest

from armlet.benchmarks.peers.measured_before import MEASURED_BEFORE, differs

KEY = ("ncnn", "mobilenet_v2", "fp32", "cortex-a53")


def test_every_cell_that_was_measured_is_there():
    # 3 networks: 4 engines in fp32 on 4 cores, 3 in fp16 on the two cores that compute in it.
    assert len(MEASURED_BEFORE) == 3 * (4 * 4 + 3 * 2)
    assert MEASURED_BEFORE[KEY] == (183.6, 75.2)


@pytest.mark.parametrize(
    ("instructions", "agrees"), [(185_400_000, True), (181_800_000, True), (185_500_000, False)]
)
def test_one_percent(instructions, agrees):
    assert (differs(KEY, instructions, 75_178_000) is None) == agrees


def test_what_differs_is_said():
    assert differs(KEY, 190_000_000, 75_178_000) == (
        "ncnn mobilenet_v2 fp32 cortex-a53: 190.0 M instructions, 75.2 M multiply-accumulates; "
        "before 183.6 and 75.2"
    )


def test_multiply_accumulates_are_held_to_it_as_well():
    assert differs(KEY, 183_600_000, 75_900_000) is None
    assert differs(KEY, 183_600_000, 76_000_000) is not None


def test_what_was_not_measured_differs_from_nothing():
    assert differs(("ncnn", "mobilenet_v2", "fp16", "cortex-a53"), 1, 1) is None
