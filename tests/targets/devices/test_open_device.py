import pytest

from armlet.errors import ArmletError, UsageError
from armlet.targets.cores import CORES, find_core
from armlet.targets.devices import find_witness, list_devices, open_device


@pytest.mark.parametrize(
    ("uri", "measures_time"),
    [
        ("host", True),
        ("emulated:cortex-a76", False),
        ("rpc://10.0.0.7:9090", True),
        ("rpc://[::1]:9090/board", True),
        ("tracker://phones.local:9190/pixel", True),
    ],
)
def test_a_uri_opens_without_connecting(uri, measures_time):
    device = open_device(uri)
    assert (device.uri, device.measures_time) == (uri, measures_time)


def test_the_parts_of_a_uri():
    device = open_device("tracker://phones.local:9190/pixel:6", timeout=5, connect_timeout=2)
    assert (device.host, device.port, device.key) == ("phones.local", 9190, "pixel:6")
    assert (device.timeout, device.connect_timeout) == (5, 2)
    assert open_device("rpc://board:1").key == ""


@pytest.mark.parametrize(
    ("uri", "complaint"),
    [
        ("", "'' names no device: use host, emulated:CORE"),
        ("phone", "'phone' names no device"),
        ("emulated:", "'emulated:' names no device"),
        ("emulated:pentium", "unknown core 'pentium': choose one of cortex-a53"),
        ("emulated:host", "the core host is not emulated: use the device host"),
        ("rpc://board", "names no host and port"),
        ("rpc://board:http", "names no host and port"),
        ("rpc://:9090", "names no host and port"),
        ("tracker://board:9190", "'tracker://board:9190' names no device"),
        ("ssh://", "names no device"),
        ("ssh://-oProxyCommand=ls", "names no device"),
        ("ssh://pi@board/home", "names no device"),
    ],
)
def test_what_names_no_device_is_a_usage_error(uri, complaint):
    with pytest.raises(UsageError) as error:
        open_device(uri)
    assert complaint in str(error.value)


def test_the_list_says_what_can_be_used_and_why_not(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    host, *emulated = list_devices()
    assert (host.uri, host.available) == ("host", True)
    assert [status.uri for status in emulated] == [f"emulated:{name}" for name in CORES if name != "host"]
    assert not any(status.available for status in emulated)
    assert "apt-get install qemu-user" in emulated[0].note


def test_devices_are_checked_by_their_uris():
    host, tracker, board = list_devices(["host", "tracker://127.0.0.1:1/phone", "rpc://127.0.0.1:1"])
    assert host.available
    assert not tracker.available
    assert tracker.note == "tracker://127.0.0.1:1/phone: no tracker answers: Connection refused"
    assert not board.available
    assert "nothing listens there" in board.note


def test_a_name_in_armlet_toml_stands_for_its_device(monkeypatch, tmp_path):
    (tmp_path / "armlet.toml").write_text('[devices]\npi4 = "rpc://127.0.0.1:1/board"\nmine = "host"\n')
    monkeypatch.chdir(tmp_path)
    device = open_device("pi4")
    assert (device.uri, device.port, device.key) == ("rpc://127.0.0.1:1/board", 1, "board")
    mine, pi4 = list_devices(["mine", "pi4"])
    assert (mine.name, mine.uri, mine.available) == ("mine", "host", True)
    assert (pi4.name, pi4.uri, pi4.available) == ("pi4", "rpc://127.0.0.1:1/board", False)
    with pytest.raises(UsageError, match=r"'pi5' names no device: .*, or a name that armlet\.toml has"):
        open_device("pi5")


def test_the_list_has_what_armlet_toml_names(monkeypatch, tmp_path):
    (tmp_path / "armlet.toml").write_text('[devices]\nphones = "tracker://127.0.0.1:1"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    (last,) = (status for status in list_devices() if status.name)
    assert (last.name, last.available) == ("phones", False)
    assert last.note == "tracker://127.0.0.1:1: no tracker answers: Connection refused"


def test_a_name_for_nothing_hides_no_other(monkeypatch, tmp_path):
    (tmp_path / "armlet.toml").write_text('[devices]\noven = "toaster:7"\nmine = "host"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    oven, mine = (status for status in list_devices() if status.name)
    assert (oven.name, oven.uri, oven.available) == ("oven", "toaster:7", False)
    assert "'toaster:7' names no device" in oven.note
    assert mine.available


@pytest.mark.emulator
def test_a_witness_is_a_device_of_this_machine_that_runs_the_code(monkeypatch, tmp_path):
    assert find_witness(find_core("host")).uri == "host"
    assert find_witness(find_core("cortex-a55")).uri == "emulated:cortex-a55"
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        ArmletError, match="emulating cortex-a55 needs qemu-aarch64: `apt-get install qemu-user`"
    ):
        find_witness(find_core("cortex-a55"))
