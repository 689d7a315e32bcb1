import multiprocessing
from pathlib import Path

import pytest

from armlet.cache import built_once, cache_folder, content_key
from armlet.errors import ArmletError


def test_cache_follows_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("ARMLET_CACHE", raising=False)
    assert cache_folder("a", "b") == tmp_path / "xdg" / "armlet" / "a" / "b"
    monkeypatch.setenv("ARMLET_CACHE", str(tmp_path / "own"))
    assert cache_folder("a") == tmp_path / "own" / "a"
    assert (tmp_path / "own" / "a").is_dir()


def test_a_cache_that_cannot_be_made(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("ARMLET_CACHE", str(tmp_path / "file"))
    with pytest.raises(ArmletError, match="set ARMLET_CACHE"):
        cache_folder("kernels")


def test_a_key_is_of_contents_and_their_order(tmp_path):
    file = tmp_path / "source"
    file.write_bytes(b"int x;")
    key = content_key("a", file)
    assert len(key) == 32
    assert key == content_key(b"a", b"int x;")
    # Parts are told apart: the same characters, cut elsewhere, are other contents.
    assert len({key, content_key(file, "a"), content_key("aint x;"), content_key("ai", "nt x;")}) == 4
    file.write_bytes(b"int y;")
    assert content_key("a", file) != key


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
