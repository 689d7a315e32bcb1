"""Files that are never left half written, and the cache."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import ArmletError, UsageError


def cache_folder(*names: str) -> Path:
    """The folder `names` of armlet's cache, made if need be.

    The cache is `$ARMLET_CACHE`, else `$XDG_CACHE_HOME/armlet`, else `~/.cache/armlet`.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(os.environ.get("ARMLET_CACHE") or base / "armlet").joinpath(*names)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def written_beside(target: Path, *, folder: bool = False, force: bool = False) -> Iterator[Path]:
    """Give a path beside `target` to write to, and rename it to `target` if the block succeeds.

    With `folder`, the path is a new empty folder. An existing `target` is replaced under `force` only.
    Raises UsageError if `target` exists, ArmletError if its parent cannot be written.
    """
    target = target.absolute()
    if os.path.lexists(target) and not force:
        raise UsageError(f"{target} exists: choose another name, or replace it with --force")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        workspace = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        draft = workspace / target.name
        try:
            if folder:
                draft.mkdir()
            yield draft
            if target.is_dir() and not target.is_symlink():
                target.rename(workspace / "replaced")
            draft.rename(target)
        finally:
            shutil.rmtree(workspace, ignore_errors=True)
    except OSError as error:
        raise ArmletError(f"cannot write {target}: {error.strerror or error}") from error
