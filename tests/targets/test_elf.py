import pytest

from armlet.errors import InvalidArtifactError
from armlet.targets.elf import read_needs


def test_what_is_no_shared_library_is_refused(tmp_path, library):
    whole = library("affine").read_bytes()
    for content in (b"", b"\x7fELF", b"PK\x03\x04" * 100, whole[:100], whole[: len(whole) // 2]):
        path = tmp_path / "broken.so"
        path.write_bytes(content)
        with pytest.raises(InvalidArtifactError, match=r"broken\.so is not a whole library"):
            read_needs(path)
