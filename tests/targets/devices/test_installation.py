import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from armlet.errors import DeviceError
from armlet.targets.devices.installation import OLD, PART, install
from armlet.targets.devices.shell import Shell

FILES = {"start": "#!/bin/sh\n", "a file": "1", "folder/b": "2"}


class ShellHere(Shell):
    """A shell of this machine, whose `push` counts and can be spoiled."""

    pushes = 0
    system = spelled = "here"

    def command(self, script):
        return ["sh", "-c", script]

    def push(self, folder, destination):
        self.pushes += 1
        shutil.copytree(folder, destination)
        self.spoil(destination)

    def spoil(self, destination):
        pass

    def forward(self, port):
        raise NotImplementedError


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "here"
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


@pytest.fixture
def shell(tmp_path):
    return ShellHere("board", str(tmp_path), 60)


def content(place) -> dict[str, str]:
    return {str(path.relative_to(place)): path.read_text() for path in place.rglob("*") if path.is_file()}


def test_what_is_there_and_whole_is_not_pushed_again(shell, folder, tmp_path):
    place = tmp_path / "a board's" / "place"
    assert install(shell, folder, str(place))
    assert content(place) == FILES
    assert not install(shell, folder, str(place))
    assert shell.pushes == 1
    assert [path.name for path in place.parent.iterdir()] == ["place"]


@pytest.mark.parametrize("damage", [lambda f: f.write_text("3"), lambda f: f.unlink()], ids=["other", "gone"])
def test_what_is_damaged_is_replaced_as_a_whole(shell, folder, tmp_path, damage):
    place = tmp_path / "place"
    install(shell, folder, str(place))
    damage(place / "a file")
    (place / "stray").touch()
    assert install(shell, folder, str(place))
    assert content(place) == FILES


def test_what_a_cut_off_push_left_does_not_stay_for_ever(shell, folder, tmp_path):
    place, yesterday = tmp_path / "place", time.time() - 25 * 60 * 60
    left, new = (f"place.1{PART}", f"place.1{OLD}"), f"place.2{PART}"
    # What people call artifacts is none of it.
    others = {"other", "large.old", "large.part"}
    for name in (*left, new, *others):
        (tmp_path / name).mkdir()
        (tmp_path / name / "stray").touch()
        if name != new:
            os.utime(tmp_path / name, (yesterday, yesterday))
    install(shell, folder, str(place))
    assert content(place) == FILES
    assert {path.name for path in tmp_path.iterdir()} == {"here", "place", new, *others}


def test_two_pushes_at_once_leave_each_other_alone(shell, folder, tmp_path):
    place, other = tmp_path / "place", ShellHere("board", str(tmp_path), 60)
    # The second push begins and ends in the midst of the first.
    shell.spoil = lambda draft: install(other, folder, str(place)) and (place / "in use").touch()
    assert not install(shell, folder, str(place))
    assert (shell.pushes, other.pushes) == (1, 1)
    assert content(place) == FILES | {"in use": ""}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here", "place"]


def test_many_pushes_at_once_end_with_one_of_them(folder, tmp_path):
    place = tmp_path / "place"
    with ThreadPoolExecutor(8) as pool:
        shells = [ShellHere("board", str(tmp_path), 60) for _ in range(8)]
        done = [pool.submit(install, shell, folder, str(place)) for shell in shells]
        assert any(each.result() for each in done)
    assert content(place) == FILES
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here", "place"]


def test_what_cannot_be_replaced_stays(shell, folder, tmp_path):
    place = tmp_path / "place"
    install(shell, folder, str(place))
    (folder / "start").write_text("new")
    # As for a folder on which something is mounted.
    busy = f'mv() {{ [ "$1" != {place} ] && command mv "$@" || {{ echo mv: it is busy >&2; false; }}; }}'
    shell.command = lambda script: ["sh", "-c", f"{busy}; {script}"]
    with pytest.raises(DeviceError, match=r"^board: mv: it is busy$"):
        install(shell, folder, str(place))
    assert content(place) == FILES
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here", "place"]


def test_what_arrives_damaged_is_refused_and_the_old_stays(shell, folder, tmp_path):
    place = tmp_path / "place"
    install(shell, folder, str(place))
    (folder / "start").write_text("new")
    shell.spoil = lambda draft: (tmp_path / draft / "folder/b").write_text("?")
    with pytest.raises(DeviceError, match=r"^board: folder/b arrived damaged: check the storage"):
        install(shell, folder, str(place))
    assert content(place) == FILES
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here", "place"]


def test_a_device_without_sha256sum_says_so(shell, folder, tmp_path):
    shell.command = lambda script: ["sh", "-c", f"sha256sum() {{ echo no sha256sum >&2; false; }}; {script}"]
    with pytest.raises(DeviceError, match=r"^board: no sha256sum$"):
        install(shell, folder, str(tmp_path / "place"))
    assert not (tmp_path / "place").exists()


def test_a_full_disk_is_noticed_before_the_push(shell, folder, tmp_path):
    df = "df() { echo Filesystem 1024-blocks Used Available; echo /dev/root 9 9 0 100% /; }"
    shell.command = lambda script: ["sh", "-c", f"{df}; {script}"]
    message = r"^board has 0\.0 MB free for .*/place, 0\.0 MB are needed: make room there$"
    with pytest.raises(DeviceError, match=message):
        install(shell, folder, str(tmp_path / "place"))
    assert shell.pushes == 0
