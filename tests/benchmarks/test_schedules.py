"""The table of what a search gains: one small operation, few schedules, really searched and simulated."""

import pytest

from armlet.benchmarks import schedules
from armlet.compiler.tuning import Database
from armlet.frontend.shapes import shape_of

TRIALS = 4
SMALL = schedules.Operation("small product", "MatMul(x, w)", (1, 16, 16), (16, 32))

pytestmark = pytest.mark.emulator


@pytest.fixture
def few_schedules(monkeypatch, tmp_path):
    """The folder for what is found."""
    for name, value in (("search.TRIALS", TRIALS), ("search.BATCH", 2), ("fallbacks.TRIALS", TRIALS)):
        monkeypatch.setattr(f"armlet.compiler.tuning.{name}", value)
    monkeypatch.setattr(schedules, "cache_folder", lambda *names: tmp_path)
    return tmp_path


def test_an_operation_is_measured_by_default_and_with_what_was_found(few_schedules, monkeypatch):
    default, tuned = schedules.measure(SMALL)
    assert default > tuned > 16 * 16 * 32 / schedules.CORE.peak.fp32
    records = few_schedules / f"schedules-{schedules.CORE.name}.jsonl"
    known = records.read_text()
    assert len([*Database.open(records)]) > 1
    assert schedules.measure(SMALL) == (default, tuned)
    assert records.read_text() == known

    document = few_schedules / "performance.md"
    document.write_text("# Measured\n")
    monkeypatch.setattr(schedules, "OPERATIONS", (SMALL,))
    monkeypatch.setattr(schedules, "PERFORMANCE", document)
    schedules.main()
    row = [cell.strip() for cell in document.read_text().splitlines()[-3].split("|")[1:-1]]
    assert row[:2] == ["small product", "16x16"]
    assert row[2:] == [f"{default / 1e6:.3f}", f"{tuned / 1e6:.3f}", f"{tuned / default:.3f}"]


@pytest.mark.parametrize("operation", schedules.OPERATIONS, ids=str)
def test_operations_of_the_table_have_the_shape_that_it_shows(operation):
    model = operation.model()
    (image,) = model.graph.inputs
    assert shape_of(image) == [*operation.shape]
