"""Modelled milliseconds beside published ones."""

from armlet.benchmarks.peers.calibration import BOARDS, cell_of, markdown


def test_errors_are_relative_to_what_was_published():
    def modelled(board, network):
        factor = 0.5 if (board.name, network) == ("Khadas VIM3", "v2") else 1.1
        return factor * board.published_ms[network]

    lines = markdown(modelled).splitlines()
    assert lines[2] == "| Raspberry Pi 3B+ | cortex-a53 | 1.4 | v2 | 158.7 | 174.6 | +10% | calibrates |"
    assert lines[10] == "| Khadas VIM3 | cortex-a73 | 2.2 | v2 | 81.4 | 40.7 | -50% |  |"
    assert [line.split(" | ")[-2] for line in [*lines[2:10], *lines[11:14]]] == ["+10%"] * 11
    assert lines[-1].startswith(
        "Median error 10%; of the 9 rows that did not calibrate 10%, at most 50%. Yardstick "
    )


def test_two_boards_of_a_core_share_what_is_counted_unless_their_caches_differ():
    cells = [cell_of(board, network) for board in BOARDS for network in board.published_ms]
    assert len(cells) == 12
    assert len(set(cells)) == len({cell.trace_file for cell in cells}) == 10
    usual = {cell.core.name for cell in cells if cell.core.l2}
    assert usual == {"cortex-a53", "cortex-a72", "cortex-a73", "cortex-a76"}
