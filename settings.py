"""Settings of a project: the file armlet.toml in the working directory, or in one above it.

    [devices]
    pi4 = "ssh://pi@raspberrypi"
    phones = "tracker://127.0.0.1:9190/pixel"

A name stands for its device wherever one is asked for.
"""

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import UsageError

FILE = "armlet.toml"
_NAME = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Settings:
    """What a settings file says: the URIs of `devices`, by name."""

    devices: dict[str, str] = field(default_factory=dict)

    @classmethod
    def find(cls, folder: Path | None = None) -> "Settings":
        """Those that hold in `folder`, the working directory if None; none without a file.

        Raises UsageError, naming the file and the key, for what cannot be read or is no setting.
        """
        start = (folder or Path.cwd()).resolve()
        files = (parent / FILE for parent in (start, *start.parents))
        path = next((file for file in files if file.is_file()), None)
        return cls.read(path) if path else cls()

    @classmethod
    def read(cls, path: Path) -> "Settings":
        """Those of the file `path`; raises as `find` does."""
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise UsageError(f"cannot read {path}: {error.strerror}") from error
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise UsageError(f"{path} is no TOML file: {error}") from error
        for key in content:
            if key != "devices":
                raise UsageError(f"{path}: unknown key {key!r}: expected the table devices")
        devices = content.get("devices", {})
        if not isinstance(devices, dict):
            raise UsageError(f"{path}: devices is {devices!r}, expected a table of names and URIs")
        for name, uri in devices.items():
            _check(path, name, uri)
        return cls(devices)


def _check(path: Path, name: str, uri: Any) -> None:
    if not _NAME.fullmatch(name) or name == "host":
        raise UsageError(
            f"{path}: devices.{name!r} cannot be a name: expected letters, digits, - and _, and not host"
        )
    if not isinstance(uri, str) or (":" not in uri and uri != "host"):
        raise UsageError(f"{path}: devices.{name} is {uri!r}, expected a URI such as ssh://pi@raspberrypi")
