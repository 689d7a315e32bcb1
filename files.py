"""Files that are never left half written, and the hashes by which they are told apart."""

import errno
import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import ArmletError, UsageError

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def written_beside(
    target: Path, *, folder: bool = False, marker: str = "", force: bool = False
) -> Iterator[Path]:
    """Give a path beside `target` to write to, and rename it to `target` if the block succeeds.

    With `folder`, the path is a new empty folder. Only with `force` is a `target` that exists replaced, and
    only like by like: a file by a file, a folder by a folder if it is empty or holds a file named `marker`.
    If the block fails nothing is left, not even folders made on the way.

    Raises UsageError if `target` must not be replaced, ArmletError if it cannot be written.
    """
    target = target.resolve()
    _check_replaceable(target, folder, marker, force)
    made = [parent for parent in target.parents if not parent.exists()]
    workspace = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        workspace = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        draft = workspace / target.name
        if folder:
            draft.mkdir()
        yield draft
        _swap(draft, target, workspace / "replaced")
        made = []
    except OSError as error:
        # Not every failure inside the block is one of writing.
        ours = workspace is None or str(workspace) in str(error.filename) or error.errno in NO_SPACE
        if not ours:
            raise
        raise ArmletError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        if workspace:
            shutil.rmtree(workspace, ignore_errors=True)
        for parent in made:
            with suppress(OSError):
                parent.rmdir()


def _check_replaceable(target: Path, folder: bool, marker: str, force: bool) -> None:
    here = Path.cwd()
    if target == here or target in here.parents:
        raise UsageError(f"{target} is the folder you are in, or one around it: choose another name")
    if not target.exists():
        return
    if target.is_dir() != folder:
        kind, expected = ("folder", "file") if target.is_dir() else ("file", "folder")
        raise UsageError(f"{target} is a {kind}, expected the name of a {expected}: choose another name")
    if not force:
        raise UsageError(f"{target} exists: choose another name, or replace it with --force")
    if folder and any(target.iterdir()) and not (marker and (target / marker).is_file()):
        raise UsageError(
            f"{target} holds other things, and --force does not delete those: choose another name"
        )


def _swap(draft: Path, target: Path, replaced: Path) -> None:
    """Put `draft` in the place of `target`, which goes to `replaced`."""
    if not target.is_dir():
        draft.replace(target)
        return
    target.rename(replaced)
    try:
        draft.rename(target)
    except OSError:
        replaced.rename(target)
        raise
