import pytest

from armlet.targets.board_files import parse_board
from armlet.targets.fitness import unfit

from ..boards.trees import as_read, cpufreq, pi4, pi5, pixel


@pytest.mark.parametrize("files", [pi4(), pi4(governor="ondemand", mhz=600), pi5(), pixel(), {}])
def test_fit(files):
    assert unfit(parse_board(as_read(files))) == []


@pytest.mark.parametrize(
    ("files", "reasons"),
    [
        (pi4(governor="powersave", mhz=600), ["the governor powersave holds the clock down"]),
        (pixel(limit=1200), ["its clock is limited to 1200 of 2841 MHz"]),
        (pi4(celsius=80.3), ["it has 80 °C, and is slowed down from 80 °C"]),
        (pixel(celsius=96), ["it has 96 °C, and is slowed down from 95 °C"]),
        (pi4(throttled=0x4), ["the firmware throttles"]),
        (pi4() | {"proc/loadavg": "3.50 1.0 0.5 4/130 99\n"}, ["other work runs: the load is 3.5"]),
    ],
)
def test_unfit(files, reasons):
    assert unfit(parse_board(as_read(files))) == reasons


def test_only_the_processors_that_are_measured_on_count():
    files = pixel() | cpufreq(0, "powersave", 300, 300, 1804)
    assert unfit(parse_board(as_read(files))) == []


def test_a_quarter_of_the_processors_may_be_busy():
    assert unfit(parse_board(as_read(pixel() | {"proc/loadavg": "1.9 1 1 1/9 9\n"}))) == []
    assert unfit(parse_board(as_read(pixel() | {"proc/loadavg": "2.1 1 1 1/9 9\n"})))
