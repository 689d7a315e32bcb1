"""The cells of the table; and one from its packages to its figures, which downloads what is missing."""

import functools
from dataclasses import replace

import pytest

from armlet import build
from armlet.benchmarks.peers.__main__ import cells
from armlet.benchmarks.peers.cells import Cell, count, price
from armlet.benchmarks.peers.measured_before import MEASURED_BEFORE, differs
from armlet.benchmarks.peers.ncnn import NCNN
from armlet.benchmarks.peers.peer import Network
from armlet.benchmarks.peers.table import Figures
from armlet.targets import find_core

NAME = "mobilenet_v3_small"


def test_every_cell_that_was_measured_before_is_in_the_table():
    keys = [(cell.peer.name, cell.network.name, cell.precision, cell.core.name) for cell in cells()]
    assert len(set(keys)) == len(keys)
    assert set(keys) == set(MEASURED_BEFORE)


def test_another_package_or_network_has_another_trace():
    cell = cells()[0]
    newer = replace(cell, peer=replace(cell.peer, wheels=("onnxruntime==9",)))
    seeded = replace(cell, network=Network(cell.network.name, lambda: build(cell.network.name, seed=1)))
    assert len({one.trace_file for one in (cell, newer, seeded)}) == 3
    assert replace(cell).trace_file == cell.trace_file


@pytest.mark.emulator
@pytest.mark.full
def test_ncnn_counts_are_those_measured_before_and_repeat():
    network = Network(NAME, functools.partial(build, NAME))
    figures = {}
    for name in ("cortex-a53", "cortex-a72"):
        cell = Cell(NCNN, network, "fp32", find_core(name))
        count(cell)
        figures[name] = Figures.of(price(cell))
        assert (
            differs(("ncnn", NAME, "fp32", name), figures[name].instructions, figures[name].mac_instructions)
            is None
        )
    # It has kernels for A53 that load by 64 bits: what it believes to run on matters.
    assert figures["cortex-a53"].instructions > 1.5 * figures["cortex-a72"].instructions

    first = cell.trace_file.read_bytes()
    count(cell)
    assert cell.trace_file.read_bytes() == first
