"""Functions called in unicorn: what they compute, what is counted, and what they may not do."""

import platform
from collections import Counter, defaultdict

import numpy as np
import pytest

from armlet import build, compile_model
from armlet.errors import ArmletError, InvalidArtifactError, UsageError
from armlet.targets import find_core, find_toolchain
from armlet.targets.elf import read_signature
from armlet.targets.qemu import can_count
from armlet.targets.simulator.counting import count_under_qemu
from armlet.targets.simulator.freestanding import count_function
from armlet.targets.simulator.image import BASE, load
from armlet.targets.simulator.machine import Machine

A72, A76 = find_core("cortex-a72"), find_core("cortex-a76")

SOURCE = """
typedef unsigned long word;
static word calls;
static float factors[3] = {1, 2, 3};
static float *pointers[3] = {factors + 2, factors + 1, factors};
static word twice(word x) { return 2 * x; }
static word thrice(word x) { return 3 * x; }
word (*functions[2])(word) = {twice, thrice};

word scale(const float *x, float *y, word n, word factor) {
  for (word i = 0; i < n; ++i) y[i] = x[i] * *pointers[factor];
  return ++calls;
}
word apply(word which, word x) { return functions[which](x); }
word ten(word a, word b, word c, word d, word e, word f, word g, word h, word i, word *j) {
  return *j = a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i;
}
void touch(char *x, word offset) { x[offset] = 1; }
typedef float four __attribute__((vector_size(16), aligned(4)));
void read_four(const float *x, word offset) { *(volatile four *)(x + offset); }
void overwrite_constant(void) { *(volatile char *)"constant" = 1; }
void jump(word address) { ((void (*)(void))address)(); }
void trap(void) { __builtin_trap(); }
void endless(void) { for (;;) __asm__ volatile(""); }
void ask_the_system(void) { __asm__ volatile("svc #0"); }
void sve(void) { __asm__ volatile(".inst 0x2518e3e0"); }
void half(void) { __asm__ volatile(".inst 0x4f321820"); }
extern void of_another_library(void);
void import(void) { of_another_library(); }
"""


def link(folder, text):
    (folder / "source.c").write_text(text)
    find_toolchain("linux", "aarch64").build_plugin([folder / "source.c"], folder / "library.so")
    return folder / "library.so"


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    return load(link(tmp_path_factory.mktemp("library"), SOURCE))


def test_arrays_hold_what_was_computed(image):
    x, y = np.arange(1000, dtype=np.float32), np.zeros(1000, np.float32)
    trace, result = count_function(image, "scale", [x, y, 1000, 0], A76)
    np.testing.assert_array_equal(y, 3 * x)
    assert result == 1
    lines_asked_for = sum(counts.levels[0].accesses for counts in trace.memory.values())
    assert lines_asked_for >= 2 * 1000 * 4 / 64


def test_every_call_finds_the_library_new(image):
    x, y = np.ones(8, np.float32), np.zeros(8, np.float32)
    first = count_function(image, "scale", [x, y, 8, 1], A76)
    assert count_function(image, "scale", [x, y, 8, 1], A76) == first


def test_without_caches_the_same_is_counted(image):
    arguments = [np.ones(100, np.float32), np.zeros(100, np.float32), 100, 2]
    full, _ = count_function(image, "scale", arguments, A76)
    counts, _ = count_function(image, "scale", arguments, A76, caches=False)
    assert (counts.blocks, counts.edges) == (full.blocks, full.edges)
    assert full.memory
    assert not counts.memory


def test_pointers_in_data_are_relocated(image):
    assert count_function(image, "apply", [0, 21], A76)[1] == 42
    assert count_function(image, "apply", [1, 21], A76)[1] == 63


def test_arguments_go_to_registers_and_to_the_stack(image):
    total = sum(n * n for n in range(1, 10))
    out = np.zeros(1, np.uint64)
    assert count_function(image, "ten", [*range(1, 10), out], A76)[1] == total
    assert out[0] == total


@pytest.mark.parametrize(("at_page_ends", "inside", "outside"), [(False, 0, -1), (True, 3, 4)])
def test_the_pages_beside_an_array_are_not_there(at_page_ends, inside, outside, image):
    machine, x = Machine(image, A76), np.zeros(7, np.float32)
    machine.call("read_four", [x, inside], at_page_ends=at_page_ends)
    with pytest.raises(InvalidArtifactError, match=r"^read_four of library.so touches 0x"):
        Machine(image, A76).call("read_four", [x, outside % 2**64], at_page_ends=at_page_ends)
    machine.call("touch", [x, 27 if at_page_ends else 0], at_page_ends=at_page_ends)
    assert x.view(np.uint8).sum() == 1


@pytest.mark.parametrize(
    ("function", "arguments", "complaint"),
    [
        ("touch", [np.zeros(4096, np.uint8), 4096], "touches 0x1000001000, .*at `strb .*` in touch"),
        ("touch", [0, 0], "touches 0x0, .* in touch"),
        ("overwrite_constant", [], "touches 0x1000.*, .*at `strb .*` in overwrite_constant"),
        ("jump", [0], "jumps to 0x0, where there is no code"),
        ("trap", [], "stops itself, at `brk #0x3e8` in trap"),
        ("ask_the_system", [], "calls the system, and there is none, at `svc #0` in ask_the_system"),
        ("sve", [], "needs an instruction that the core or unicorn has not, at `ptrue p0.b` in sve"),
        ("half", [], "needs an instruction that .*, at `fmla v0.8h, v1.8h, v2.h\\[7\\]` in half"),
        ("import", [], "calls of_another_library, which is of another library: link it in"),
    ],
)
def test_what_it_may_not_do(image, function, arguments, complaint):
    with pytest.raises(InvalidArtifactError, match=f"^{function} of library.so {complaint}"):
        count_function(image, function, arguments, A72)


def test_half_precision_is_of_the_cores_that_have_it(image):
    trace, _ = count_function(image, "half", [], A76)
    assert sum(block.words.count(0x4F321820) for block in trace.blocks) == 1


def test_a_function_that_does_not_end(image):
    with pytest.raises(ArmletError, match="endless did not end within 10,000 instructions") as error:
        count_function(image, "endless", [], A72, limit=10_000)
    assert error.value.exit_code == 1


def test_a_limit_that_is_just_enough(image):
    trace, _ = count_function(image, "apply", [0, 1], A72)
    count_function(image, "apply", [0, 1], A72, limit=trace.instructions)
    with pytest.raises(ArmletError, match="did not end"):
        count_function(image, "apply", [0, 1], A72, limit=trace.instructions - 1)


def test_a_function_that_is_not_there(image):
    with pytest.raises(UsageError, match="has no function nothing: see `nm"):
        count_function(image, "nothing", [], A72)


def executions_by_function(image, trace):
    """How often each instruction was executed, by its function and the distance from where that begins."""
    executions = defaultdict(Counter)
    for block in trace.blocks:
        function = image.function_at(BASE + block.address)
        for number in range(len(block.words)):
            offset = BASE + block.address - image.functions[function] + 4 * number
            executions[function][offset] += block.executions
    return executions


@pytest.mark.skipif(not can_count(), reason="this qemu takes no plugins")
@pytest.mark.emulator
def test_a_network_is_counted_as_under_qemu(tmp_path):
    model = build("mobilenet_v3_small", resolution=64, width=0.35, classes=10)
    artifact = compile_model(model, tmp_path / "artifact", A76)
    under_qemu = count_under_qemu(artifact.library, artifact.sample[0], A76)
    image = load(artifact.library)
    signature = read_signature(artifact.library)
    output = np.zeros(signature["outputs"][0]["shape"], np.float32)
    workspace = np.zeros(artifact.manifest["arena"]["bytes"], np.uint8)
    in_unicorn, _ = count_function(
        image, "armlet_run", [[artifact.sample[0]], [output], workspace], A76, caches=False
    )
    assert executions_by_function(image, in_unicorn) == executions_by_function(image, under_qemu)
    np.testing.assert_allclose(output, artifact.sample[1], atol=1e-4 * np.ptp(artifact.sample[1]))


@pytest.mark.skipif(platform.machine() == "aarch64", reason="this machine compiles for ARM64 only")
def test_a_library_for_another_machine(tmp_path):
    (tmp_path / "source.c").write_text("int f(void) { return 0; }")
    find_toolchain("linux", platform.machine()).build_plugin([tmp_path / "source.c"], tmp_path / "library.so")
    with pytest.raises(InvalidArtifactError, match=r"is for x86_64, the counter is aarch64"):
        load(tmp_path / "library.so")


def test_thread_local_variables_are_refused(tmp_path):
    library = link(tmp_path, "__thread int x; int *f(void) { return &x; }")
    with pytest.raises(InvalidArtifactError, match=r"relocation of type \d+, expected plain pointers"):
        load(library)
