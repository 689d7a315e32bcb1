import os
import subprocess
import sys
from pathlib import Path

import pytest

from armlet.errors import ArmletError, UsageError
from armlet.files import written_beside


def names(folder):
    return [path.name for path in folder.iterdir()]


def test_a_file_appears_whole(tmp_path):
    with written_beside(tmp_path / "a" / "file") as draft:
        draft.write_text("content")
        assert not (tmp_path / "a" / "file").exists()
    assert (tmp_path / "a" / "file").read_text() == "content"
    assert names(tmp_path / "a") == ["file"]


@pytest.mark.parametrize("folder", [False, True])
def test_nothing_is_left_after_a_failure(tmp_path, folder):
    with pytest.raises(ZeroDivisionError), written_beside(tmp_path / "target", folder=folder) as draft:
        (draft / "part" if folder else draft).write_text("half")
        raise ZeroDivisionError
    assert names(tmp_path) == []


def test_what_is_there_stays_unless_forced(tmp_path):
    target = tmp_path / "target"
    target.write_text("old")
    with pytest.raises(UsageError, match=r"target exists: .*--force"), written_beside(target):
        pass
    assert target.read_text() == "old"
    with written_beside(target, force=True) as draft:
        draft.write_text("new")
    assert target.read_text() == "new"


def test_a_folder_is_replaced_only_once_the_new_one_is_whole(tmp_path):
    target = tmp_path / "target"
    (target / "deep").mkdir(parents=True)
    (target / "marker").touch()
    with pytest.raises(KeyboardInterrupt), written_beside(target, folder=True, marker="marker", force=True):
        raise KeyboardInterrupt
    assert (target / "deep").is_dir()
    with written_beside(target, folder=True, marker="marker", force=True) as draft:
        (draft / "new").touch()
    assert names(target) == ["new"]
    assert names(tmp_path) == ["target"]


def test_force_replaces_like_by_like_alone(tmp_path, monkeypatch):
    folder, file = tmp_path / "folder", tmp_path / "file"
    (folder / "precious").mkdir(parents=True)
    file.touch()
    for target, options, complaint in (
        (folder, {}, "is a folder, expected the name of a file"),
        (file, {"folder": True}, "is a file, expected the name of a folder"),
        (folder, {"folder": True}, "holds other things"),
        (folder, {"folder": True, "marker": "manifest.json"}, "holds other things"),
    ):
        with pytest.raises(UsageError, match=complaint), written_beside(target, force=True, **options):
            pass
    monkeypatch.chdir(folder)
    for target in (Path(), Path(".."), tmp_path, folder):
        with pytest.raises(UsageError, match="the folder you are in"), written_beside(target, force=True):
            pass
    assert names(folder) == ["precious"]


def test_a_failed_swap_puts_the_old_folder_back(tmp_path, monkeypatch):
    target = tmp_path / "target"
    target.mkdir()
    (target / "marker").touch()
    with pytest.raises(ArmletError, match="cannot write"):  # noqa: SIM117
        with written_beside(target, folder=True, marker="marker", force=True) as draft:
            draft.rmdir()
    assert names(target) == ["marker"]
    assert names(tmp_path) == ["target"]


def test_a_link_is_followed(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with written_beside(tmp_path / "link", force=True) as draft:
        draft.write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_other_failures_are_not_blamed_on_the_target(tmp_path):
    with pytest.raises(ConnectionResetError), written_beside(tmp_path / "new" / "deep" / "target"):
        raise ConnectionResetError
    assert names(tmp_path) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write into read-only folders")
def test_a_read_only_folder(tmp_path):
    tmp_path.chmod(0o500)
    with (
        pytest.raises(ArmletError, match=r"cannot write .*: Permission denied"),
        written_beside(tmp_path / "x"),
    ):
        pass


def test_what_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(ArmletError, match=r"cannot write .*/file/x: "),
        written_beside(tmp_path / "file" / "x"),
    ):
        pass


LIMITED = """
import resource, sys
from pathlib import Path
from armlet.errors import ArmletError
from armlet.files import written_beside
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    with written_beside(Path(sys.argv[1])) as draft:
        draft.write_bytes(bytes(5000))
except ArmletError as error:
    sys.exit(f"refused: {error}")
"""


def test_a_full_disk_leaves_nothing(tmp_path):
    # A limit on the size of files stands for a full disk: the write fails in the middle.
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "target")], capture_output=True, text=True
    )
    assert "refused: cannot write" in done.stderr
    assert names(tmp_path) == []
