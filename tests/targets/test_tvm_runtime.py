import multiprocessing
import platform
import re
from pathlib import Path

import pytest

from armlet.errors import ArmletError
from armlet.targets.elf import read_needs
from armlet.targets.tvm_runtime import (
    built_once,
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


def test_a_cache_that_cannot_be_written_is_said():
    with (
        pytest.raises(ArmletError, match=r"^the cache /proc/1 cannot be locked: [^;]+; set ARMLET_CACHE to"),
        built_once(Path("/proc/1/build")),
    ):
        pass


def _build(folder: Path, log: Path) -> None:
    with built_once(folder) as draft:
        if draft:
            with log.open("a") as lines:
                lines.write("built\n")
            (draft / "result").write_text("whole")
    assert (folder / "result").read_text() == "whole"


def test_processes_that_want_the_same_build_it_once(tmp_path):
    processes = [
        multiprocessing.get_context("fork").Process(
            target=_build, args=(tmp_path / "build", tmp_path / "log")
        )
        for _ in range(8)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 8
    assert (tmp_path / "log").read_text() == "built\n"


def test_a_build_that_fails_is_made_again(tmp_path):
    def fail():
        with built_once(tmp_path / "build") as draft:
            (draft / "half").touch()
            raise ArmletError("interrupted")

    with pytest.raises(ArmletError, match="interrupted"):
        fail()
    assert not (tmp_path / "build").exists()
    _build(tmp_path / "build", tmp_path / "log")
