import os
import platform
from pathlib import Path

import numpy as np
import pytest

from armlet.errors import DeviceError, InvalidArtifactError, UsageError
from armlet.targets.devices import open_device


def test_one_output_and_several(library):
    x = np.arange(4, dtype=np.float32)
    with open_device("host").connect() as session:
        (result,) = session.load(library("affine", "host")).run([np.ones(1024, np.float32)])
        np.testing.assert_array_equal(result, np.full(1024, 3, np.float32))
        total, square = session.load(library("pair", "host")).run([x])
    np.testing.assert_array_equal(total, x + x)
    np.testing.assert_array_equal(square, x * x)


def test_inputs_need_not_be_contiguous(library):
    x = np.arange(2048, dtype=np.float32)[::2]
    with open_device("host").connect() as session:
        (result,) = session.load(library("affine", "host")).run([x])
    np.testing.assert_array_equal(result, 2 * x + 1)


def test_a_library_is_loaded_anew_and_given_up(library):
    affine = library("affine", "host")
    with open_device("host").connect() as session:
        program, loading = session.load(affine), session.loading(affine)
        assert loading() > 0
        assert f"0-{affine.name}" not in Path("/proc/self/maps").read_text()
        assert program.run([np.ones(1024, np.float32)])[0][0] == 3


def test_every_round_is_a_sample(library):
    x = np.zeros(1024, np.float32)
    with open_device("host").connect() as session:
        program = session.load(library("affine", "host"))
        for warm_up, rounds in ((0, 1), (3, 20)):
            samples = program.time([x], warm_up=warm_up, rounds=rounds)
            assert len(samples) == rounds
            assert all(sample > 0 for sample in samples)


@pytest.mark.parametrize("shape", [(10,), (1, 1024)])
def test_a_wrong_input_is_one_line(library, shape):
    with open_device("host").connect() as session:
        program = session.load(library("affine", "host"))
        with pytest.raises(UsageError, match=r"^host: inputs of the shapes .*, expected \[\(1024,\)\]$"):
            program.run([np.zeros(shape, np.float32)])


@pytest.mark.skipif(platform.machine() == "aarch64", reason="the library is for this machine")
def test_a_library_of_another_machine_is_refused(library):
    with open_device("host").connect() as session:
        with pytest.raises(
            InvalidArtifactError, match=r"^\S+model\.so is for aarch64, host is x86_64: compile it"
        ):
            session.load(library("affine", "cortex-a53"))
        with pytest.raises(
            InvalidArtifactError, match=r"^cannot read \S+absent\.so: No such file or directory$"
        ):
            session.load(library("affine", "host").with_name("absent.so"))


def test_a_session_pins_this_thread_and_no_later_one():
    before = os.sched_getaffinity(0)
    with open_device("host").connect() as session:
        session.pin([max(before)])
        assert os.sched_getaffinity(0) == {max(before)}
        with pytest.raises(DeviceError, match=r"^host cannot run on processor 999: Invalid argument: choose"):
            session.pin([999])
    assert os.sched_getaffinity(0) == before


def test_what_it_shows_of_itself():
    with open_device("host").connect() as session:
        assert session.board().cores == open_device("host").check().board.cores
