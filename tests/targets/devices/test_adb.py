import contextlib
import os
import signal
import subprocess
import threading

import numpy as np
import pytest

from armlet.cache import cache_folder
from armlet.errors import DeviceError, UsageError
from armlet.targets import list_devices, open_device

from ...boards import phone as phones
from ...boards.clients import busy_session, end_busy_client, servers

pytestmark = pytest.mark.emulator

X = np.arange(1024, dtype=np.float32)


def refusal(uri: str, kind=DeviceError, **options) -> str:
    with pytest.raises(kind) as error, open_device(uri, **options).connect():
        pass
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.fixture(scope="module")
def android_library(library):
    return library("affine", "cortex-a53", "android")


def test_the_server_is_pushed_once_and_runs_while_it_is_used(phone, android_library, wait_until):
    for uri in (phone.uri, "adb:"):  # the only phone there is needs no serial
        with open_device(uri).connect() as session:
            program = session.load(android_library)
            np.testing.assert_array_equal(program.run([X])[0], 2 * X + 1)
            assert len(servers(phone)) == 2
            (folder,) = (phone.folder / "armlet").iterdir()
            pushed = (folder / "server").stat()
        wait_until(lambda: not servers(phone))
    assert (folder / "server").stat() == pushed
    assert not list(folder.glob("armlet-rpc-*"))
    assert phones.adb("forward", "--list").strip() == ""


def test_phones_are_listed_with_their_system(phone):
    (status,) = (status for status in list_devices() if status.uri.startswith("adb:"))
    assert (status.uri, status.available, status.note) == (phone.uri, True, "Pixel 6, Android 14")


def test_each_refusal_is_one_line_that_says_what_to_do(phone, monkeypatch, tmp_path):
    assert refusal("adb:0123") == f"adb:0123: adb knows no such phone, there are {phone.serial}"
    assert refusal("adb:pixel:5555").endswith("; adb connect pixel:5555")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert refusal("adb:0123") == "adb:0123: adb is not installed; apt-get install adb"


def test_an_old_android_is_refused(phone):
    phone.sdk.write_text("24")
    try:
        assert refusal(phone.uri) == f"{phone.uri} has Android's API 24, expected 26 (Android 8) or later"
    finally:
        phone.sdk.write_text("34")


def test_one_of_several_phones_must_be_chosen_and_have_allowed_it(phone, tmp_path):
    with phones.phone(tmp_path, authorized=False) as other:
        serials = sorted([phone.serial, other.serial])
        message = refusal("adb:", UsageError)
        assert message.startswith("adb: is one of several: choose adb:")
        assert all(serial in message for serial in serials)
        assert refusal(other.uri).startswith(
            f"{other.uri} is unauthorized: unlock it and allow USB debugging"
        )


def test_a_full_phone_keeps_nothing(phone):
    subprocess.run(["rm", "-rf", phone.folder / "armlet"], check=True)
    phone.full.touch()
    try:
        assert "No space left on device" in refusal(phone.uri)
        assert list((phone.folder / "armlet").iterdir()) == []
    finally:
        phone.full.unlink()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)], ids=["ctrl-C", "kill"]
)
def test_nothing_on_the_phone_outlives_its_client(phone, library, wait_until, number, code):
    ended, here = end_busy_client(phone, library("endless"), number)
    assert ended == (code, b"", b"")
    wait_until(lambda: not servers(phone))
    wait_until(lambda: not any(process.is_running() for process in here))


def test_ways_of_killed_clients_are_removed_and_no_others(phone, library, android_library):
    def ways():
        return {*phones.adb("forward", "--list").splitlines()} - {""}

    with open_device(phone.uri).connect():
        (first,) = ways()
        end_busy_client(phone, library("endless"), signal.SIGKILL)
        left = ways() - {first}
        assert len(left) == 1
        others = phones.adb("-s", phone.serial, "forward", "tcp:0", "tcp:9").strip()
        # That of a client which has not yet written it.
        begun = cache_folder("adb-forwards", os.environ["ANDROID_ADB_SERVER_PORT"]) / "begun"
        begun.touch()
        with open_device(phone.uri).connect() as session:
            np.testing.assert_array_equal(session.load(android_library).run([X])[0], 2 * X + 1)
            assert ways() & (left | {first}) == {first}
            assert len(ways()) == 3
    assert ways() == {f"{phone.serial} tcp:{others} tcp:9"}
    begun.unlink()
    phones.adb("-s", phone.serial, "forward", "--remove", f"tcp:{others}")


def test_a_pulled_cable_is_a_device_error_and_ends_the_server(library, wait_until, tmp_path):
    if phones.MISSING:
        pytest.skip(phones.MISSING)

    def pull():
        wait_until(lambda: busy_session(phone))
        phone.cut_off()

    with phones.phone(tmp_path) as phone, contextlib.ExitStack() as stack:
        puller = threading.Thread(target=pull)
        session = stack.enter_context(open_device(phone.uri, timeout=120).connect())
        program = session.load(library("endless"))
        puller.start()
        with pytest.raises(DeviceError, match=rf"^{phone.uri}: the connection was lost$"):
            program.run([X])
        stack.close()
        puller.join()
        wait_until(lambda: not servers(phone))
