import pytest

from armlet.errors import UsageError
from armlet.targets.cores import CORES, Cache, Core, find_core, host_core, read_caches

ARM = [core for core in CORES.values() if core.name.startswith("cortex-")]
FAMILIES = ["armv8-a", "armv8.2-a+fp16", "armv8.2-a+fp16+dotprod"]


def test_every_core_asked_for_is_there():
    numbers = ("a53", "a55", "a72", "a73", "a76", "a78", "x1", "a510", "a710")
    assert list(CORES) == [*(f"cortex-{number}" for number in numbers), *FAMILIES, "host"]


@pytest.mark.parametrize("core", ARM, ids=lambda core: core.name)
def test_arm_cores_are_complete_and_consistent(core: Core):
    assert core.features[-2:] == ("-sve", "-sve2")
    assert core.peak.fp16 == (2 * core.peak.fp32 if "+fullfp16" in core.features else None)
    assert core.peak.int8 >= 4 * core.peak.fp32 or "+dotprod" not in core.features
    for cache in filter(None, (core.l1d, core.l2, core.l3)):
        sets = cache.size / cache.ways / core.cache_line
        assert sets == int(sets)
        assert int(sets).bit_count() == 1
    assert core.emulated_by


def test_part_numbers_tell_cores_apart():
    assert len({core.part for core in ARM}) == len(ARM)


@pytest.mark.parametrize(("name", "hwcap"), [*zip(FAMILIES, (0x3, 0x603, 0x100603), strict=True)])
def test_a_family_is_its_features(name: str, hwcap: int):
    family = find_core(name)
    features = [f"+{feature}" for feature in ("fullfp16", "dotprod")[: FAMILIES.index(name)]]
    assert family.tvm_target()["mcpu"] == "generic"
    assert family.tvm_target()["mattr"] == [*features, "-sve", "-sve2"]
    assert family.hwcap == (hwcap, 0)
    # Ordered for a core that has more, LLVM must not use it.
    lacking = {"+fullfp16", "+dotprod"} - {*features}
    assert {feature.replace("+", "-") for feature in lacking} <= {
        *family.tvm_target("linux", "cortex-a55")["mattr"]
    }


def test_hwcap_of_cores():
    assert find_core("cortex-a53").hwcap == (0x3, 0)
    assert find_core("cortex-a76").hwcap == (0x100603, 0)
    assert find_core("cortex-a710").hwcap == (0x100603, 0x2000)


def test_tvm_target_of_each_system():
    core = find_core("cortex-a76")
    assert core.tvm_target("android") == {
        "kind": "llvm",
        "mtriple": "aarch64-linux-android",
        "mcpu": "cortex-a76",
        "mattr": ["+fullfp16", "+dotprod", "-sve", "-sve2"],
        "num-cores": 1,
    }
    assert core.tvm_target()["mtriple"] == "aarch64-linux-gnu"


def test_unknown_names_are_refused_with_the_choices():
    with pytest.raises(UsageError, match=r"unknown core 'cortex-m0': choose one of cortex-a53, .*, host"):
        find_core("cortex-m0")
    with pytest.raises(UsageError, match="choose linux or android"):
        find_core("cortex-a76").triple("windows")
    with pytest.raises(UsageError, match="host runs linux only"):
        find_core("host").triple("android")


LEVEL_2 = "cx16 lahf_lm popcnt sse4_1 sse4_2 ssse3"
LEVEL_3 = f"{LEVEL_2} abm avx avx2 bmi1 bmi2 f16c fma movbe"
LEVEL_4 = f"{LEVEL_3} avx512f avx512bw avx512cd avx512dq avx512vl"


@pytest.mark.parametrize(
    ("flags", "level"),
    [
        ("", "x86-64"),
        (LEVEL_2, "x86-64-v2"),
        (LEVEL_3, "x86-64-v3"),
        (LEVEL_4, "x86-64-v4"),
        (LEVEL_4.replace("avx2 ", ""), "x86-64-v2"),
    ],
)
def test_x86_host_is_the_highest_level_with_all_it_needs(flags: str, level: str):
    host = host_core("x86_64", f"processor\t: 0\nflags\t\t: fpu sse2 {flags}\n")
    assert (host.name, host.llvm_cpu, host.features) == ("host", level, ())
    assert host.triple() == "x86_64-linux-gnu"


def test_x86_host_has_the_vectors_of_its_level_and_the_caches_that_are_read(tmp_path):
    for number, (level, kind, size, ways) in enumerate(
        [(2, "Unified", "2048K", 16), (1, "Instruction", "32K", 8), (1, "Data", "48K", 12)]
    ):
        folder = tmp_path / f"index{number}"
        folder.mkdir()
        fields = {"level": level, "type": kind, "size": size, "ways_of_associativity": ways}
        for name, value in fields.items():
            (folder / name).write_text(f"{value}\n")
    host = host_core("x86_64", f"flags : {LEVEL_4}\n", read_caches(tmp_path))
    assert (host.l1d, host.l2, host.l3) == (Cache(48 << 10, 12), Cache(2 << 20, 16), None)
    assert (host.vector_bytes, host.vector_registers) == (64, 32)
    (tmp_path / "index2" / "size").unlink()
    older = host_core("x86_64", f"flags : {LEVEL_3}\n", read_caches(tmp_path))
    assert (older.vector_bytes, older.vector_registers, older.l1d) == (32, 16, None)


def test_arm_host_is_its_biggest_core():
    cpuinfo = "CPU part\t: 0xd05\n\nprocessor\t: 7\nCPU part\t: 0xd0b\n"
    host = host_core("aarch64", cpuinfo)
    assert (host.name, host.llvm_cpu, host.emulated_by) == ("host", "cortex-a76", None)
    assert host.peak == find_core("cortex-a76").peak


def test_arm_host_of_an_unknown_part_is_generic():
    host = host_core("aarch64", "CPU part\t: 0xfff\n")
    assert (host.llvm_cpu, host.features, host.peak) == ("generic", ("-sve", "-sve2"), None)


def test_llvm_knows_every_core_and_feature():
    from tvm.target import Target, codegen

    for core in CORES.values():
        with Target(core.tvm_target()):
            assert codegen.llvm_is_valid_cpu(core.llvm_cpu, core.triple())
            known = {str(name) for name in codegen.llvm_get_cpu_features()}
        assert {feature[1:] for feature in core.features} <= known | {"sve", "sve2"}
