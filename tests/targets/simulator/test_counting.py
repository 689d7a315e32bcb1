"""Programs with known counts are counted to the instruction."""

import subprocess

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile

from armlet.errors import ArmletError, InvalidArtifactError
from armlet.targets import find_core, find_toolchain
from armlet.targets.qemu import can_count
from armlet.targets.simulator import counting
from armlet.targets.simulator.counting import count_program, count_under_qemu
from armlet.targets.simulator.loops import runs_of

CORE = find_core("cortex-a72")
pytestmark = [pytest.mark.emulator, pytest.mark.skipif(not can_count(), reason="this qemu takes no plugins")]

PROGRAM = """
#include <pthread.h>
#include <unistd.h>
__attribute__((noinline)) static void turn(unsigned long n) {
  __asm__ volatile("1: fmul v0.4s, v0.4s, v1.4s\\n subs %0, %0, #1\\n b.ne 1b" : "+r"(n) : : "cc");
}
static volatile int stop;
static void *other(void *x) { while (!stop) turn(1000); return x; }
int main(int argc, char **argv) {
  pthread_t thread;
  (void)argv;
  turn(77777);
  if (argc > 1) pthread_create(&thread, 0, other, 0);
  close(-777);
  turn(1000);
  for (int i = 0; i < 50; ++i) turn(20);
  close(-778);
  stop = 1;
  turn(99999);
  if (argc > 1) pthread_join(thread, 0);
  return write(1, "done", 4) - 4;
}
"""


def build(folder, text):
    toolchain = find_toolchain("linux", "aarch64")
    (folder / "program.c").write_text(text)
    command = [*toolchain.c_compiler, "-O1", "-static", "-pthread", "program.c", "-o", "program"]
    subprocess.run(command, cwd=folder, check=True)
    return str(folder / "program")


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return build(tmp_path_factory.mktemp("program"), PROGRAM)


def loop_of(trace):
    """The runs that are the three instructions of the loop."""
    return [run for run in runs_of(trace) if run.trips > 1]


@pytest.mark.parametrize("arguments", [[], ["thread"]])
def test_only_the_region_of_its_own_thread_is_counted(program, arguments):
    trace, printed = count_program([program, *arguments], CORE)
    assert printed == "done"
    # 0x6e21dc00 is fmul v0.4s, v0.4s, v1.4s: a thousand times, then twenty times in each of fifty turns.
    fmuls = sum(block.executions * block.words.count(0x6E21DC00) for block in trace.blocks)
    assert fmuls == 1000 + 50 * 20


def test_loops_and_their_trips(program):
    trace, _ = count_program([program], CORE)
    loops = loop_of(trace)
    # However the first iteration of a loop is cut off by qemu, each turn enters the loop once.
    assert sum(run.entries for run in loops) == 51
    assert sum(run.executions for run in loops) in (2000, 2000 - 51)
    (loop,) = loops
    assert loop.trips == round(loop.executions / 51)


def test_runs_hold_every_instruction_once(program):
    trace, _ = count_program([program], CORE)
    assert sum(run.executions * len(run.words) for run in runs_of(trace)) == trace.instructions
    # 6000 in the loops; the rest is the two calls that mark the region, and the fifty turns.
    assert 6000 < trace.instructions < 6000 + 50 * 15 + 200


def test_the_same_every_time(program):
    assert count_program([program], CORE) == count_program([program], CORE)


def test_a_crash_is_told(tmp_path):
    crashing = build(tmp_path, "int main(void) { __builtin_trap(); }")
    with pytest.raises(InvalidArtifactError, match="failed under qemu"):
        count_program([crashing], CORE)


def test_a_program_that_does_not_end(tmp_path):
    endless = build(tmp_path, "int main(void) { for (volatile int i = 0;; ++i) {} }")
    with pytest.raises(ArmletError, match="did not end within 1 s"):
        count_program([endless], CORE, timeout=1)


def break_kernel(library, folder, word):
    """A copy of a compiled network with `word` in the middle of its first kernel, and that kernel's name."""
    with library.open("rb") as file:
        elf = ELFFile(file)
        kernel = next(s for s in elf.get_section_by_name(".symtab").iter_symbols() if s.name == "affine")
        place = next(iter(elf.address_offsets(kernel["st_value"]))) + kernel["st_size"] // 8 * 4
    broken = folder / "broken.so"
    content = bytearray(library.read_bytes())
    content[place : place + 4] = word.to_bytes(4, "little")
    broken.write_bytes(content)
    return broken, kernel.name


@pytest.mark.parametrize(
    ("word", "signal"),
    [
        (0x00000000, "Illegal instruction"),  # udf #0
        (0xF90003C0, "Segmentation fault"),  # str x0, [x30]
        (0xD4200000, "Trace/breakpoint trap"),  # brk #0
    ],
)
def test_a_crash_names_the_kernel(library, tmp_path, word, signal):
    broken, kernel = break_kernel(library("affine", "cortex-a72"), tmp_path, word)
    with pytest.raises(InvalidArtifactError) as error:
        count_under_qemu(broken, np.zeros(1024, np.float32), CORE)
    assert str(error.value) == f"{broken} failed under qemu: {signal} in {kernel}"
    assert error.value.exit_code == 6


def test_a_network_that_does_not_end(library, monkeypatch):
    monkeypatch.setattr(counting, "TIMEOUT", 3)
    endless = library("endless", "cortex-a72")
    with pytest.raises(ArmletError) as error:
        count_under_qemu(endless, np.zeros(1024, np.float32), CORE)
    assert str(error.value) == f"{endless} did not end within 3 s under qemu"
    assert error.value.exit_code == 1


def fake_qemu(folder, script):
    program = folder / "qemu-aarch64"
    program.write_text(f"#!/bin/sh\n{script}")
    program.chmod(0o755)
    return program


def test_a_qemu_without_plugins(program, monkeypatch, tmp_path):
    # What the one of Debian 13 says of the option.
    qemu = fake_qemu(tmp_path, "echo \"qemu: unknown option 'plugin'\"; exit 1")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(ArmletError) as error:
        count_program([program], CORE)
    assert str(error.value) == (
        f"{qemu} runs no plugins, by which programs are counted: put another qemu-aarch64 first on the PATH, "
        "such as that of Debian 12 or one built with --enable-plugins"
    )
    assert error.value.exit_code == 1


def test_a_qemu_of_another_plugin_interface(program, monkeypatch, tmp_path):
    refusal = "qemu-aarch64: Could not load plugin counter.so: plugin requires API version 2"
    script = f"""case "$1" in
        -h) echo '-plugin   QEMU_PLUGIN' ;;
        --version) echo qemu-aarch64 version 99.0.0 ;;
        *) echo '{refusal}' >&2; exit 1 ;;
    esac"""
    fake_qemu(tmp_path, script)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(ArmletError) as error:
        count_program([program], CORE)
    assert str(error.value).endswith(f"qemu-aarch64 is not of a version that counter.c is for: {refusal}")
    assert error.value.exit_code == 1
