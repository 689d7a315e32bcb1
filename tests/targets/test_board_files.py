import os

import pytest

from armlet.targets.board_files import parse_board, read_board

from ..boards.trees import A55, A76, CPU, as_read, cooling, cpufreq, cpuinfo, pi4, pi5, pixel, zone


def board(files):
    return parse_board(as_read(files))


def test_a_raspberry_pi_4():
    pi = board(pi4())
    assert pi.cores == "4 cortex-a72"
    assert [(cpu.number, cpu.governor) for cpu in pi.cpus] == [(number, "performance") for number in range(4)]
    assert (pi.cpus[0].clock_mhz, pi.cpus[0].limit_mhz, pi.cpus[0].highest_mhz) == (1800, 1800, 1800)
    # Its only trip point is where it switches itself off.
    assert (pi.celsius, pi.limit_celsius) == (48.2, 80)
    assert (pi.load, pi.offline, pi.slowed) == (0.08, 0, [])
    assert "asimdhp" not in pi.features


def test_a_fan_does_not_slow_a_raspberry_pi_5_down():
    pi = board(pi5())
    assert pi.cores == "4 cortex-a76"
    assert (pi.celsius, pi.limit_celsius, pi.slowed) == (51, 80, [])
    assert {"asimdhp", "asimddp"} <= {*pi.features}


def test_a_phone():
    found = board(pixel())
    assert found.cores == "4 cortex-a55, 3 cortex-a78, 1 cortex-x1"
    assert [cpu.capacity for cpu in found.cpus] == [325] * 4 + [812] * 3 + [1024]
    # Of the processors' zones the one nearest to its limit; neither the battery's nor the power supply's.
    assert (found.celsius, found.limit_celsius) == (41, 95)


def test_processors_that_are_offline_are_counted():
    found = board(pixel(offline=(5, 7)))
    assert found.cores == "4 cortex-a55, 2 cortex-a78"
    assert found.offline == 2


def test_what_an_android_shell_is_denied_is_not_known():
    denied = ("thermal", "cpufreq", "capacity", "loadavg")
    found = board({name: text for name, text in pixel().items() if not any(word in name for word in denied)})
    assert found.cores == "4 cortex-a55, 3 cortex-a78, 1 cortex-x1"
    assert (found.load, found.celsius, found.limit_celsius, found.slowed) == (None, None, None, [])
    assert all((cpu.capacity, cpu.governor, cpu.clock_mhz) == (None, None, None) for cpu in found.cpus)


def test_nothing_is_known_of_nothing():
    found = parse_board({})
    assert (found.cpus, found.cores, found.clock, found.biggest()) == ([], "", None, [])


@pytest.mark.parametrize(
    ("implementer", "part", "name"),
    [
        (0x41, 0xD4D, "cortex-a715"),
        (0x51, 0x804, "cortex-a76"),
        (0x51, 0x805, "cortex-a55"),
        (0x53, 0x003, "processor 0x53/0x3"),
        (0x41, 0xFFF, "processor 0x41/0xfff"),
    ],
)
def test_processors_are_known_by_their_numbers(implementer, part, name):
    found = board({"proc/cpuinfo": cpuinfo({0: part}, implementer=implementer)})
    assert found.cpus[0].core == name


def test_processors_of_other_kinds_have_the_name_they_give_themselves():
    assert board({"proc/cpuinfo": "processor\t: 0\nmodel name\t: Fast(R) 9\n"}).cores == "1 Fast(R) 9"


@pytest.mark.parametrize(
    ("text", "celsius"),
    [
        ("61234\n", 61.234),
        ("61\n", 61),
        ("-40000\n", None),
        ("0\n", None),
        ("250000\n", None),
        ("", None),
    ],
)
def test_sensors_that_are_off_or_odd(text, celsius):
    files = zone(0, "mtktscpu", 50) | {"sys/class/thermal/thermal_zone0/temp": text}
    assert board(files).celsius == celsius


def test_what_slows_it_down_now():
    assert board(pi4(throttled=0x50005)).slowed == ["the supply voltage is too low", "the firmware throttles"]
    assert board(pi4(throttled=0x50000)).slowed == []
    assert board(pixel(cooled=4)).slowed == ["thermal-cpufreq-7 cools by lowering the clock"]
    assert board(cooling(0, "cpufreq-cpu0", 0) | cooling(1, "pwm-fan", 4)).slowed == []


def test_the_governors_of_x86_drivers_are_none_of_arms():
    files = {"proc/cpuinfo": cpuinfo({0: A76})} | cpufreq(0, "powersave", 800, 4000, 4000)
    assert board(files).cpus[0].governor == "powersave"
    files[f"{CPU}/cpu0/cpufreq/scaling_driver"] = "intel_pstate\n"
    assert board(files).cpus[0].governor is None


def test_this_machine():
    here = read_board()
    assert len(here.cpus) + here.offline >= len(os.sched_getaffinity(0))
    assert here.load is not None
    assert here.to_json()["cpus"][0]["number"] == 0


def test_clocks_of_a_processor_with_no_limit_shown():
    files = {"proc/cpuinfo": cpuinfo({0: A55}), f"{CPU}/cpu0/cpufreq/cpuinfo_max_freq": "1800000\n"}
    assert board(files).clock == "1800 MHz"
    assert board(pi5()).clock == "1500 of 2400 MHz"


@pytest.mark.parametrize("text", ["", "\n", "what is this"])
def test_what_is_no_number_is_not_known(text):
    cpuinfo = f"processor : 0\nCPU implementer : {text.strip()}\nCPU part : {text.strip()}\n"
    throttled = "/sys/devices/platform/soc/soc:firmware/get_throttled"
    board = parse_board({"/proc/loadavg": text, "/proc/cpuinfo": cpuinfo, throttled: text})
    assert [cpu.core for cpu in board.cpus] == ["processor"]
    assert (board.load, [*board.slowed]) == (None, [])
