"""A library told by these files finds the core that it is told."""

import re

import pytest

from armlet.benchmarks.peers.core_files import core_files, write_core_files
from armlet.targets import find_core
from armlet.targets.cores import host_core

NAMES = ["cortex-a53", "cortex-a55", "cortex-a72", "cortex-a76"]


@pytest.mark.parametrize("name", NAMES)
def test_all_four_processors_are_the_core(name):
    core = find_core(name)
    cpuinfo = core_files(core)["proc/cpuinfo"]
    assert re.findall(r"processor\t: (\d)", cpuinfo) == ["0", "1", "2", "3"]
    assert re.findall(r"CPU part\t: (\w+)", cpuinfo) == [f"{core.part:#05x}"] * 4
    assert host_core("aarch64", cpuinfo).llvm_cpu == name


@pytest.mark.parametrize(
    ("name", "midr"),
    [
        ("cortex-a53", 0x410FD034),
        ("cortex-a55", 0x412FD050),
        ("cortex-a72", 0x410FD083),
        ("cortex-a76", 0x414FD0B1),
    ],
)
def test_identification_register_is_that_of_the_board(name, midr):
    files = core_files(find_core(name))
    for number in range(4):
        text = files[f"sys/devices/system/cpu/cpu{number}/regs/identification/midr_el1"]
        assert int(text, 16) == midr


@pytest.mark.parametrize("name", NAMES)
def test_half_precision_is_a_feature_where_the_core_has_it(name):
    core = find_core(name)
    features = re.search(r"Features\t: (.*)", core_files(core)["proc/cpuinfo"])[1].split()
    assert ("asimdhp" in features) == (core.peak.fp16 is not None)
    assert ("asimddp" in features) == (core.peak.fp16 is not None)


def test_files_are_written_under_the_root(tmp_path):
    core = find_core("cortex-a76")
    write_core_files(core, tmp_path)
    written = {
        str(path.relative_to(tmp_path)): path.read_text() for path in tmp_path.rglob("*") if path.is_file()
    }
    assert written == core_files(core)
    assert written["sys/devices/system/cpu/possible"] == "0-3\n"
