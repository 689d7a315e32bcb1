import json

import pytest

from armlet.errors import InvalidBaselineError, UsageError
from armlet.gate.baseline import read_baseline, write_baseline

from .by_hand import figures, kernel

ENTRIES = {
    "small/cortex-a53/fp32": figures(kernel("stem", 100), kernel("a b", 50, fused="act")),
    "large/cortex-a53/fp32": figures(kernel("stem", 300)),
}


def test_what_is_written_is_read(tmp_path):
    write_baseline(tmp_path / "b.json", ENTRIES)
    assert read_baseline(tmp_path / "b.json") == ENTRIES


def test_it_is_the_same_text_for_the_same_figures_and_a_line_a_kernel(tmp_path):
    write_baseline(tmp_path / "one.json", ENTRIES)
    write_baseline(tmp_path / "two.json", dict(reversed(ENTRIES.items())))
    text = (tmp_path / "one.json").read_text()
    assert text == (tmp_path / "two.json").read_text()
    (line,) = [line for line in text.splitlines() if '"act"' in line]
    assert json.loads(line.strip())["layers"] == ["a", "b"]
    assert text.index('"large/') < text.index('"small/')


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "is no baseline, or damaged: restore it from git"),
        ("[]", "is no baseline"),
        ("{}", "is no baseline"),
        ('{"format": 1, "artifacts": {"a": {}}}', "is no baseline"),
        ('{"format": 1, "artifacts": {"a": 7}}', "is no baseline"),
        ('{"format": 9, "artifacts": {}}', "has the format 9, expected 1: make it again with --update"),
    ],
)
def test_what_is_no_baseline(text, complaint, tmp_path):
    (tmp_path / "b.json").write_text(text)
    with pytest.raises(InvalidBaselineError, match=rf"b\.json {complaint}"):
        read_baseline(tmp_path / "b.json")


def test_no_file(tmp_path):
    with pytest.raises(InvalidBaselineError, match=r"no baseline at .*: make it with --update") as refusal:
        read_baseline(tmp_path / "b.json")
    assert refusal.value.exit_code == 6
    with pytest.raises(UsageError, match="is a folder, expected the name of a baseline"):
        read_baseline(tmp_path)
