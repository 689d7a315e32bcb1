"""Runs, loops and their nests, of traces written by hand."""

from armlet.targets.simulator.cache_model import CacheCounts
from armlet.targets.simulator.loops import loop_nests, memory_of, runs_of
from armlet.targets.simulator.trace import Block, Trace

NOP, B_NE, RET = 0xD503201F, 0x54000001, 0xD65F03C0
BL = 0x94000000


def test_a_loop_that_qemu_cuts_anywhere_is_one_run():
    # Four instructions, entered twice for five iterations; the second time qemu cut them in the middle.
    whole = Trace((Block(0x100, 10, (NOP, NOP, NOP, B_NE)),), {(0x10C, 0x100): 8}, {})
    cut = Trace(
        (
            Block(0x100, 5, (NOP, NOP, NOP, B_NE)),
            Block(0x100, 5, (NOP, NOP)),
            Block(0x108, 5, (NOP, B_NE)),
        ),
        {(0x10C, 0x100): 8, (0x104, 0x108): 5},
        {},
    )
    (run,) = runs_of(whole)
    assert runs_of(cut) == [run]
    assert (run.executions, run.entries, run.trips, run.last) == (10, 2, 5, 0x10C)


def test_a_mean_of_trips_need_not_be_whole():
    (run,) = runs_of(Trace((Block(0x100, 5, (NOP, B_NE)),), {(0x104, 0x100): 3}, {}))
    assert (run.trips, run.mean_trips) == (2, 2.5)


# for (10 times) { before; for (7 times) inner; call of the function at 0x300; after }, then ret.
NEST = Trace(
    (
        Block(0x100, 10, (NOP,)),
        Block(0x104, 70, (NOP, B_NE)),
        Block(0x10C, 10, (BL,)),
        Block(0x110, 10, (NOP, B_NE)),
        Block(0x118, 1, (RET,)),
        Block(0x300, 10, (NOP, RET)),
    ),
    {
        (0x100, 0x104): 10,
        (0x108, 0x104): 60,
        (0x108, 0x10C): 10,
        (0x10C, 0x300): 10,
        (0x304, 0x110): 10,
        (0x114, 0x100): 9,
        (0x114, 0x118): 1,
    },
    {},
)


def test_nested_loops_are_one_nest_and_what_they_call_is_another():
    nests = loop_nests(NEST, runs_of(NEST))
    addresses = sorted(sorted(run.address for run in nest) for nest in nests)
    assert addresses == [[0x100, 0x104, 0x10C, 0x110], [0x118], [0x300]]


def test_a_jump_into_a_block_leaves_the_loop_around_it_whole():
    # The block from 0x100 goes on to 0x104, where the loop's other path, from 0x200, joins it.
    trace = Trace(
        (Block(0x100, 9, (NOP, NOP, B_NE)), Block(0x104, 5, (NOP, B_NE)), Block(0x200, 5, (NOP, B_NE))),
        {(0x108, 0x100): 8, (0x108, 0x200): 5, (0x204, 0x104): 5},
        {},
    )
    (nest,) = loop_nests(trace, runs_of(trace))
    assert [run.address for run in nest] == [0x100, 0x104, 0x200]


def test_memory_belongs_to_the_run_in_which_its_block_begins():
    zero, one = CacheCounts.of([0] * 18), CacheCounts.of([1] * 18)
    trace = Trace(
        (Block(0x100, 2, (NOP, NOP)), Block(0x108, 2, (NOP, RET)), Block(0x200, 1, (RET,))),
        {(0x104, 0x108): 2},
        {0x100: one, 0x108: one, 0x200: zero},
    )
    first, second = runs_of(trace)
    assert memory_of(trace, [first, second]) == {first: one + one, second: zero}
