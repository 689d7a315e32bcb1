"""The cache: folders that are made once, and named by what they are made of."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from .errors import ArmletError
from .files import written_beside


def cache_folder(*names: str) -> Path:
    """The folder `names` of armlet's cache, made if need be.

    The cache is `$ARMLET_CACHE`, else `$XDG_CACHE_HOME/armlet`, else `~/.cache/armlet`. Raises ArmletError if
    it cannot be made.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(os.environ.get("ARMLET_CACHE") or base / "armlet").joinpath(*names)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArmletError(
            f"the cache {folder} cannot be made: {error.strerror}; set ARMLET_CACHE to another folder"
        ) from error
    return folder


def content_key(*parts: bytes | str | Path) -> str:
    """A name for what is made of `parts`: bytes, texts, and the content of files."""
    whole = hashlib.sha256()
    for part in parts:
        content = part.read_bytes() if isinstance(part, Path) else part
        whole.update(hashlib.sha256(content.encode() if isinstance(content, str) else content).digest())
    return whole.hexdigest()[:32]


@contextmanager
def built_once(folder: Path) -> Iterator[Path | None]:
    """A folder to fill, which becomes `folder` if the block succeeds; None if it is there already.

    Other processes that want the same folder wait until this one has made it. Raises ArmletError if the cache
    cannot be written.
    """
    with _locked(folder.with_name(f".{folder.name}.lock")):
        if folder.is_dir():
            yield None
        else:
            with written_beside(folder, folder=True) as draft:
                yield draft


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            fcntl.flock(stack.enter_context(path.open("w")), fcntl.LOCK_EX)
        except OSError as error:
            reason = f"the cache {path.parent} cannot be locked: {error.strerror}"
            raise ArmletError(f"{reason}; set ARMLET_CACHE to another folder") from error
        yield
