import pytest

from armlet.errors import ArmletError
from armlet.targets.llvm_mca import find_llvm_mca


@pytest.fixture
def install(monkeypatch, tmp_path):
    """A function (name, words) that makes a program which prints its version, on an otherwise empty path."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def make(name, words):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\necho '{words}'\n")
        program.chmod(0o755)
        return str(program)

    return make


def complaint():
    with pytest.raises(ArmletError) as error:
        find_llvm_mca()
    return str(error.value)


def test_the_first_that_is_new_enough_is_taken(install):
    old = install("llvm-mca", "Debian LLVM version 14.0.6")
    assert complaint() == (
        "llvm-mca 22 or later is needed to model cycles, found version 14.0.6: `apt-get install llvm-22`"
    )
    new = install("llvm-mca-22", "Debian LLVM version 22.1.8")
    assert find_llvm_mca() == (new, "22.1.8")
    install("llvm-mca", "LLVM version 23.1.0git")
    assert find_llvm_mca() == (new, "22.1.8")
    install("llvm-mca-22", "LLVM version 21.0.0")
    assert find_llvm_mca() == (old, "23.1.0")


def test_none_at_all(install):
    assert "found none" in complaint()


def test_one_that_tells_no_version(install):
    path = install("llvm-mca", "hello")
    assert f"found {path}, which does not tell its version" in complaint()
