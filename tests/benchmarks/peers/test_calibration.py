"""Modelled milliseconds beside published ones."""

from armlet.benchmarks.peers.calibration import BOARDS, cell_of, markdown


def test_errors_are_relative_to_what_was_published():
    modelled = [1.1 * board.published_ms for board in BOARDS]
    modelled[0] = 0.5 * BOARDS[0].published_ms
    lines = markdown(modelled).splitlines()
    assert lines[2] == "| Raspberry Pi 3B+ | cortex-a53 | 1.4 | v2 | 158.7 | 79.3 | -50% |"
    assert [line.split(" | ")[-1] for line in lines[3:12]] == ["+10% |"] * 9
    assert lines[-1].startswith("Median error 10%")


def test_two_boards_of_a_core_share_what_is_counted():
    assert len(BOARDS) == 10
    assert len({cell_of(board) for board in BOARDS}) == 8
