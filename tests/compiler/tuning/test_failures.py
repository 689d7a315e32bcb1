"""What failed, and the end of a run in which everything does."""

from pathlib import Path

import pytest

from armlet.compiler.tuning.failures import Failures
from armlet.errors import DeviceError, InvalidArtifactError

FOLDER = Path("/somewhere/armlet-tune-1")


def crash(number):
    return InvalidArtifactError(f"{FOLDER}/tmp{number}/round.so failed under qemu: Illegal instruction")


@pytest.fixture
def failures():
    return Failures(Path("records.jsonl"), FOLDER)


def test_failures_are_counted_by_their_reason_wherever_they_were(failures):
    for number in range(2):
        failures.add(crash(number), "rounds", 3)
    failures.none()
    failures.add(DeviceError("the board was lost"), "rounds", 3)
    assert failures.reasons == {
        "round.so failed under qemu: Illegal instruction": 2,
        "the board was lost": 1,
    }


def test_many_one_after_the_other_end_the_run_with_all_reasons(failures):
    for number in range(2):
        failures.add(crash(number), "rounds", 3)
    with pytest.raises(DeviceError) as raised:
        failures.add(DeviceError("the board was lost"), "rounds", 3)
    assert str(raised.value) == (
        "3 rounds failed one after the other (2 times: round.so failed under qemu: Illegal instruction; "
        "1 times: the board was lost); what was measured is in records.jsonl, and the same command goes on "
        "from there"
    )
