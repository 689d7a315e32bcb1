from armlet.targets.board_files import parse_board

from ..boards.trees import A55, A76, as_read, cpufreq, cpuinfo, pi4, pixel


def numbers(files, core=None):
    return [cpu.number for cpu in parse_board(as_read(files)).biggest(core)]


def test_the_biggest_are_measured_on():
    assert numbers(pixel()) == [7]
    assert numbers(pi4()) == [0, 1, 2, 3]


def test_those_of_the_core_that_code_is_for_come_first():
    assert numbers(pixel(), "cortex-a55") == [0, 1, 2, 3]
    assert numbers(pixel(), "cortex-a78") == [4, 5, 6]
    assert numbers(pixel(), "cortex-a72") == [7]
    assert numbers(pixel(), "armv8-a") == [7]


def test_the_biggest_that_is_online():
    assert numbers(pixel(offline=(7,))) == [4, 5, 6]


def test_without_capacities_by_core_and_clock():
    known = {name: text for name, text in pixel().items() if "capacity" not in name}
    assert numbers(known) == [7]
    assert numbers({"proc/cpuinfo": pixel()["proc/cpuinfo"]}) == [7]
    # Two clusters of the same core, as some phones have.
    files = {"proc/cpuinfo": cpuinfo({0: A55, 1: A76, 2: A76, 3: A76})}
    for number, clock in enumerate((1800, 1920, 2600, 2600)):
        files |= cpufreq(number, "schedutil", clock, clock, clock)
    assert numbers(files) == [2, 3]
