import platform
import re

import pytest

from armlet.errors import ArmletError
from armlet.targets.elf import read_needs
from armlet.targets.tvm_runtime import (
    installed_version,
    pinned_versions,
    runtime_folder,
    runtime_is_cached,
)

NAMES = {"libtvm_ffi.so", "libtvm_runtime.so", "libtvm_runtime_extra.so"}


def test_the_pins_are_exact_and_what_is_installed():
    pins = pinned_versions()
    assert list(pins) == ["apache-tvm", "apache-tvm-ffi"]
    assert installed_version() == f"{pins['apache-tvm']} with FFI {pins['apache-tvm-ffi']}"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+(\.post\d+)?", pin) for pin in pins.values())


def test_this_machines_libraries_are_those_installed(monkeypatch, tmp_path):
    monkeypatch.setenv("ARMLET_CACHE", str(tmp_path))
    assert not runtime_is_cached(platform.machine())
    folder = runtime_folder(platform.machine())
    assert {path.name for path in folder.iterdir()} == NAMES
    assert runtime_is_cached(platform.machine())


@pytest.mark.emulator
def test_the_libraries_of_arm64_are_for_arm64():
    folder = runtime_folder("aarch64")
    assert {path.name for path in folder.iterdir()} == NAMES
    assert {read_needs(path).machine for path in folder.iterdir()} == {"aarch64"}


@pytest.mark.full
def test_the_libraries_of_arm64_are_downloaded_anew(monkeypatch, tmp_path):
    expected = {path.name: path.read_bytes() for path in runtime_folder("aarch64").iterdir()}
    monkeypatch.setenv("ARMLET_CACHE", str(tmp_path))
    assert {path.name: path.read_bytes() for path in runtime_folder("aarch64").iterdir()} == expected


def test_a_failed_download_is_one_line_and_leaves_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv("ARMLET_CACHE", str(tmp_path))
    for name, value in {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path),
        "PIP_CONFIG_FILE": "/dev/null",
    }.items():
        monkeypatch.setenv(name, value)
    foreign = "aarch64" if platform.machine() == "x86_64" else "x86_64"
    with pytest.raises(ArmletError, match=rf"^TVM's runtime for {foreign} could not be downloaded: [^\n]+$"):
        runtime_folder(foreign)
    assert not runtime_is_cached(foreign)
    assert [path.suffix for path in (tmp_path / "tvm-runtime").iterdir()] == [".lock"]
