"""The table of docs/performance.md is written in its place, and nothing else is touched."""

import pytest

from armlet.benchmarks.peers.table import BEGIN, END, Figures, Row, markdown, write_into
from armlet.targets import KernelCost, Record, Simulation
from armlet.targets.simulator.cache_model import CacheCounts
from armlet.targets.simulator.loops import Run

FIGURES = Figures(instructions=12_345_678, mac_instructions=7_000_000, cycles=9_449_999.0)
ROWS = [
    Row("large", "fp32", "ncnn", {"a53": FIGURES, "a76": FIGURES}),
    Row("large", "fp16", "ncnn", {"a76": FIGURES}),
    Row("small", "fp32", "MNN", {}),
]


def test_only_vector_multiply_accumulates_are_counted_as_such():
    fmla_4s, fmadd_s, ret = 0x4E22CC20, 0x1F020C20, 0xD65F03C0
    kernel = KernelCost(
        name="network",
        instructions={"multiply_accumulate": 30, "branch": 10},
        macs=90,
        runs={Run(0x1000, (fmla_4s, fmla_4s, fmadd_s, ret), executions=10, entries=10): 35.0},
        stall_cycles=4.0,
        multiply_cycles=22.5,
        memory=CacheCounts(()),
    )
    simulation = Simulation(Record(1, "cortex-a53"), (kernel,))
    assert Figures.of(simulation) == Figures(instructions=40, mac_instructions=20, cycles=39.0)


def test_a_table_for_each_network_in_millions():
    assert markdown(ROWS, ["a53", "a76"]).splitlines() == [
        "### large",
        "",
        "| precision | engine | a53 | a76 |",
        "|---|---|---|---|",
        "| fp32 | ncnn | 12.3 / 7.0 / **9.4** | 12.3 / 7.0 / **9.4** |",
        "| fp16 | ncnn | - | 12.3 / 7.0 / **9.4** |",
        "",
        "### small",
        "",
        "| precision | engine | a53 | a76 |",
        "|---|---|---|---|",
        "| fp32 | MNN | - | - |",
    ]


@pytest.mark.parametrize("tail", ["", "\n## After\n\nmore\n"])
def test_writing_again_replaces_what_was_written(tmp_path, tail):
    document = tmp_path / "performance.md"
    document.write_text(f"# Measured\n\nfacts\n\n{BEGIN}\n\nold\n\n{END}\n{tail}")
    write_into(document, "new")
    write_into(document, "newer")
    assert document.read_text() == f"# Measured\n\nfacts\n\n{BEGIN}\n\nnewer\n\n{END}\n{tail}"


def test_a_document_without_the_table_gets_it_at_its_end(tmp_path):
    document = tmp_path / "performance.md"
    document.write_text("# Measured\n")
    write_into(document, "new")
    assert document.read_text() == f"# Measured\n\n{BEGIN}\n\nnew\n\n{END}\n"
