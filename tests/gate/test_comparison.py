import json
from dataclasses import replace

import pytest

from armlet.gate.comparison import Comparison
from armlet.gate.reasons import reasons
from armlet.gate.simulated import compare

from .by_hand import figures, kernel


def compared(before, now, threshold=0.01):
    return Comparison(figures(*before), figures(*now), threshold)


def test_kernels_are_matched_by_what_they_compute():
    # a and b shared a kernel and no longer do; c has gone into d; e and f still share one.
    before = [kernel("a b", 200), kernel("c", 30), kernel("d", 70), kernel("e f", 30)]
    now = [kernel("a", 90), kernel("b", 110), kernel("d", 95, fused="c"), kernel("e f", 30)]
    comparison = compared(before, now)
    assert {(*group.layers, group.cycles_before, group.cycles) for group in comparison.groups} == {
        ("a", 100, 90),
        ("b", 100, 110),
        ("d", 100, 95),
        ("e", "f", 30, 30),
    }
    assert [group.title for group in comparison.grown] == ["b"]


def test_a_kernel_that_many_layers_share_joins_none_of_them():
    before = [kernel("a", 100, fused="a/clip"), kernel("b", 100, fused="b/clip")]
    now = [kernel("a", 90), kernel("b", 100), kernel("a/clip b/clip", 40, family="tvm")]
    grown = {group.title: (group.cycles_before, group.cycles) for group in compared(before, now).grown}
    assert grown == {"a, a/clip": (100, 110), "b, b/clip": (100, 120)}


def test_a_lost_fusion_is_named_with_its_layer():
    before = [kernel("stem", 100), kernel("wide", 1000, fused="act mean", family="depthwise3x3")]
    now = [
        kernel("stem", 100),
        kernel("wide", 990, fused="act", family="depthwise3x3"),
        kernel("mean", 60, family="pool"),
    ]
    (group,) = compared(before, now).grown
    assert group.title == "wide, mean"
    assert reasons(group)[:2] == [
        "a fusion is lost: mean computed with wide before",
        "kernels of pool, before of depthwise3x3",
    ]


def test_what_is_left_to_tvm_is_named():
    before = [kernel("project", 100, fused="add"), kernel("tail", 50, family="tvm")]
    now = [kernel("project", 100), kernel("add", 40, family="tvm"), kernel("tail", 60, family="tvm")]
    grown = {group.title: reasons(group) for group in compared(before, now).grown}
    assert "left to TVM's own code: add" in grown["project, add"]
    assert not any("TVM" in reason for reason in grown["tail"])


def test_a_record_that_is_gone_is_named():
    (group,) = compared([kernel("a b", 100, tuned=True)], [kernel("a b", 110)]).grown
    assert reasons(group)[0] == "a tuning record is gone: a, b"
    (group,) = compared([kernel("a", 100)], [kernel("a", 110)]).grown
    assert not any("record" in reason for reason in reasons(group))


def test_why_a_kernel_grew():
    before = kernel("a", 1000, instructions={"load": 200, "store": 100}, misses={"L1D": 50, "L2": 4})
    now = kernel(
        "a",
        1100,
        instructions={"load": 250, "store": 100, "address_and_control": 7},
        misses={"L1D": 50, "L2": 6},
        stall_cycles=40,
    )
    (group,) = compared([before], [now]).grown
    assert reasons(group) == [
        "+50 load instructions (+25.0%), +7 address and control instructions",
        "+2 misses in L2 (+50.0%)",
        "+40 cycles of waiting for memory",
    ]
    (waits,) = compared([before], [replace(before, cycles=1100, stall_cycles=100)]).grown
    assert reasons(waits) == ["no more instructions of any class", "+100 cycles of waiting for memory"]


@pytest.mark.parametrize(
    ("now", "grown"),
    [
        (kernel("a", 1010), []),
        (kernel("a", 1011), ["a"]),
        (kernel("a", 900), []),
    ],
)
def test_the_threshold_is_exact(now, grown):
    comparison = compared([kernel("a", 1000)], [now])
    assert [group.title for group in comparison.grown] == grown
    assert [check.name for check in compare(comparison) if check.outcome == "regression"] == (
        ["cycles", *grown] if grown else []
    )


def test_what_is_of_no_layer_or_next_to_nothing_or_new_counts_in_the_whole_only():
    before = [kernel("a", 10_000_000), kernel("b", 100), kernel("", 1000, family="of no layer")]
    now = [*before[:1], kernel("b", 900), kernel("", 9000, family="of no layer"), kernel("c", 5000)]
    comparison = compared(before, now)
    assert not comparison.grown
    checks = {check.name: check for check in compare(comparison)}
    assert checks["cycles"].summary == "10,001,100 to 10,014,900 modelled cycles (+0.14%)"
    assert checks["layers"].outcome == "passed"
    tight = compare(Comparison(comparison.before, comparison.now, 0.001))
    assert tight[0].outcome == "regression"
    assert tight[0].details == [
        "of no layer: +8,000 cycles",
        "c: +5,000 cycles",
        "b: +800 cycles",
    ]


def test_sizes_are_checked():
    checks = compare(Comparison(figures(weights_bytes=7), figures(library_bytes=1011, weights_bytes=7), 0.01))
    assert {check.name: (check.outcome, check.summary) for check in checks[2:]} == {
        "library": ("regression", "1,000 to 1,011 bytes (+1.10%), at most +1% allowed"),
        "workspace": ("passed", "500 to 500 bytes (+0.00%)"),
        "weights": ("passed", "7 to 7 bytes (+0.00%)"),
    }


def test_json():
    content = json.loads(json.dumps(compared([kernel("a", 100)], [kernel("a", 110)]).to_json()))
    assert content["cycles"] == {"before": 100, "now": 110}
    assert content["layers"] == [
        {"names": ["a"], "cycles": {"before": 100, "now": 110}, "reasons": ["+5 load instructions (+10.0%)"]}
    ]
