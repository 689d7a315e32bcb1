from hypothesis import given
from hypothesis import strategies as st

from armlet.compiler.arena import ALIGNMENT, Span, plan

SPANS = st.lists(
    st.builds(
        lambda nbytes, first, length: Span(nbytes, first, first + length),
        *(st.integers(0, 1000), st.integers(0, 20), st.integers(0, 5)),
    ),
    max_size=30,
)


def test_what_is_dead_makes_room():
    chain = [Span(640, number, number + 1) for number in range(10)]
    arena = plan(chain)
    assert arena.nbytes == arena.lower_bound == 2 * 640


def test_the_smallest_gap_that_fits_is_taken():
    arena = plan([Span(640, 0, 9), Span(128, 0, 1), Span(320, 2, 3), Span(64, 2, 3)])
    assert arena.offsets == [0, 640, 640, 960]
    assert arena.nbytes == 1024


def test_what_is_alive_when_most_is_comes_first_where_that_needs_less():
    # The first maps of MobileNetV2 whose expansions are done in bands, in kilobytes.
    sizes = [(1568, 0, 1), (1568, 1, 2), (784, 2, 3), (1176, 3, 4), (294, 4, 6), (1764, 5, 6), (294, 6, 7)]
    arena = plan([Span(nbytes << 10, first, last) for nbytes, first, last in sizes])
    assert arena.nbytes <= 1.05 * arena.lower_bound


def test_nothing_needs_nothing():
    assert (plan([]).nbytes, plan([]).lower_bound) == (0, 0)


@given(SPANS)
def test_what_is_alive_at_once_never_shares_a_byte(spans):
    arena = plan(spans)
    assert arena.lower_bound <= arena.nbytes
    for number, (span, offset) in enumerate(zip(spans, arena.offsets, strict=True)):
        assert offset % ALIGNMENT == 0
        assert offset + span.nbytes <= arena.nbytes
        for other, at in zip(spans[:number], arena.offsets, strict=False):
            apart = offset + span.nbytes <= at or at + other.nbytes <= offset
            assert apart or not span.overlaps(other)
