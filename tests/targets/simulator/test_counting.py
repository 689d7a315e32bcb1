"""Programs with known counts are counted to the instruction."""

import subprocess

import pytest

from armlet.errors import ArmletError, InvalidArtifactError
from armlet.targets import find_core, find_toolchain
from armlet.targets.simulator.counting import count_program
from armlet.targets.simulator.loops import runs_of

CORE = find_core("cortex-a72")
pytestmark = pytest.mark.emulator

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
