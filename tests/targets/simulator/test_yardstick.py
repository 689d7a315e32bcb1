import shutil
from dataclasses import replace

import pytest

from armlet.errors import InvalidBaselineError
from armlet.targets import find_core
from armlet.targets.simulator.network_counting import counter
from armlet.targets.simulator.yardstick import YARDSTICK, Record

OURS = Record(7, "cortex-a76", {"qemu": "7.2.22", "llvm-mca": "22.1.8"})


def test_a_record_names_what_made_the_result():
    record = Record.of(find_core("cortex-a53"))
    assert (record.yardstick, record.core) == (YARDSTICK, "cortex-a53")
    # llvm-mca prices nothing of an in-order core.
    assert list(record.versions.items()) == [counter()]
    assert str(OURS) == "yardstick 7, qemu 7.2.22, llvm-mca 22.1.8"


@pytest.mark.skipif(not shutil.which("llvm-mca-22"), reason="llvm-mca 22 is not installed")
def test_the_record_of_an_out_of_order_core_names_llvm_mca():
    assert Record.of(find_core("cortex-a76")).versions["llvm-mca"].startswith("22.")


def test_equal_records_are_comparable_without_a_word():
    assert OURS.require_comparable(replace(OURS)) == []


def test_other_versions_are_told():
    older = replace(OURS, versions={"qemu": "7.2.22", "llvm-mca": "22.1.0"})
    assert OURS.require_comparable(older) == ["llvm-mca 22.1.8, the baseline's was 22.1.0"]
    without = replace(OURS, versions={"llvm-mca": "22.1.8"})
    assert OURS.require_comparable(without) == ["qemu 7.2.22, the baseline's was none"]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"yardstick": 6}, "the baseline is of yardstick 6, expected 7"),
        ({"core": "cortex-a53"}, "the baseline is of cortex-a53, expected cortex-a76"),
    ],
)
def test_another_yardstick_or_core_is_refused(change, complaint):
    with pytest.raises(InvalidBaselineError, match=complaint) as refusal:
        OURS.require_comparable(replace(OURS, **change))
    assert refusal.value.exit_code == 6
