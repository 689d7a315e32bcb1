"""The tables of docs/performance.md: counts and cycles of every engine, and ratios to the best."""

from armlet.benchmarks.peers.table import Figures, Row, markdown, verdict
from armlet.targets import KernelCost, Record, Simulation, find_core
from armlet.targets.simulator.cache_model import CacheCounts
from armlet.targets.simulator.loops import Run

FIGURES = Figures(instructions=12_345_678, mac_instructions=7_000_000, compute_cycles=9e6, cycles=9_449_999.0)
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
    assert Figures.of(simulation) == Figures(
        instructions=40, mac_instructions=20, compute_cycles=35.0, cycles=39.0
    )


def test_a_table_for_each_network_in_millions():
    assert markdown(ROWS, ["a53", "a76"]).splitlines() == [
        "### large",
        "",
        "| precision | engine | a53 | a76 |",
        "| --- | --- | --- | --- |",
        "| fp32 | ncnn | 12.3 / 7.0 / 9.0 / **9.4** | 12.3 / 7.0 / 9.0 / **9.4** |",
        "| fp16 | ncnn | - | 12.3 / 7.0 / 9.0 / **9.4** |",
        "",
        "### small",
        "",
        "| precision | engine | a53 | a76 |",
        "| --- | --- | --- | --- |",
        "| fp32 | MNN | - | - |",
    ]


def test_the_verdict_is_against_the_best_peer_without_and_with_memory():
    a53, a76 = find_core("cortex-a53"), find_core("cortex-a76")

    def figures(compute_cycles, cycles):
        return Figures(0, 0, compute_cycles, cycles)

    rows = [
        Row(
            "large", "fp32", "armlet", {"cortex-a53": figures(60.0, 90.0), "cortex-a76": figures(30.0, 36.0)}
        ),
        # Without memory the first is the best on A53, with it the second.
        Row("large", "fp32", "ncnn", {"cortex-a53": figures(80.0, 120.0), "cortex-a76": figures(40.0, 48.0)}),
        Row("large", "fp32", "MNN", {"cortex-a53": figures(90.0, 100.0), "cortex-a76": figures(50.0, 60.0)}),
        Row("large", "fp16", "armlet", {"cortex-a76": figures(15.0, 18.0)}),
        Row("large", "fp16", "ncnn", {"cortex-a76": figures(20.0, 24.0)}),
    ]
    assert verdict(rows, [a53, a76], {"large": 200}).splitlines() == [
        "| network | precision | cortex-a53 | cortex-a76 |",
        "| --- | --- | --- | --- |",
        "| large | fp32 | 0.75 (0.62), **0.90** | 0.75 (0.62), **0.75** |",
        "| large | fp16 | - | 0.75 (0.62), **0.75** |",
    ]
