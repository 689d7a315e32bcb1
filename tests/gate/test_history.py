import subprocess

import pytest

from armlet.gate.baseline import write_baseline
from armlet.gate.history import history

from .by_hand import figures, kernel


@pytest.fixture
def repository(tmp_path):
    """A function that commits what is in the folder, which it has."""

    def git(*arguments):
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *arguments]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)

    def commit(subject: str) -> None:
        git("add", ".")
        git("commit", "-m", subject)

    git("init")
    commit.folder = tmp_path
    return commit


def test_each_commit_that_changed_the_baseline(repository):
    baseline = repository.folder / "perf" / "baseline.json"
    baseline.parent.mkdir()
    baseline.write_text("of another time")
    repository("too old to read")
    for cycles, subject in ((100, "first"), (80, "faster:\ta tab")):
        write_baseline(baseline, {"small/cortex-a53/fp32": figures(kernel("stem", cycles))})
        repository(subject)
    (repository.folder / "other").touch()
    repository("something else")
    points = history(baseline)
    assert [(point.subject, dict(point.cycles)) for point in points] == [
        ("first", {"small/cortex-a53/fp32": 100}),
        ("faster:\ta tab", {"small/cortex-a53/fp32": 80}),
    ]
    assert points[0].date.startswith("20")


def test_what_is_not_in_git_has_no_history(tmp_path):
    baseline = tmp_path / "baseline.json"
    write_baseline(baseline, {"a": figures()})
    assert history(baseline) == []
    assert history(tmp_path / "absent" / "baseline.json") == []
