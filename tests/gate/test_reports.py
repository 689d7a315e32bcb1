from xml.etree import ElementTree

import pytest

from armlet.errors import ArmletError
from armlet.gate import Check, GateResult, Outcome, Verdict, show_result, write_reports

VERDICT = Verdict(
    "made",
    "small/cortex-a53/fp32",
    [
        Check("accuracy", Outcome.PASSED, "exact"),
        Check("stem, last", Outcome.REGRESSION, "100 to 110 (+10%)", ["+3 loads", "a | b"]),
        Check("latency", Outcome.INCONCLUSIVE, "spread of 15%"),
    ],
    ["LLVM 22, the baseline's was 21"],
)
RESULT = GateResult("sim:cortex-a53", "b.json", [VERDICT])


@pytest.fixture(autouse=True)
def outside_of_github(monkeypatch):
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)


def test_the_worst_check_decides():
    assert (RESULT.outcome, RESULT.outcome.exit_code) == ("regression", 3)
    unclear = GateResult("host", "made", [Verdict("made", "small", [VERDICT.checks[0], VERDICT.checks[2]])])
    assert (unclear.outcome, unclear.outcome.exit_code) == ("inconclusive", 4)
    assert GateResult("host", "made", []).outcome.exit_code == 0


def test_a_table(capsys):
    show_result(RESULT)
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "made (small/cortex-a53/fp32) on sim:cortex-a53, against b.json"
    assert lines[-5:] == [
        "stem, last:",
        "  +3 loads",
        "  a | b",
        "note: LLVM 22, the baseline's was 21",
        "regression",
    ]


def test_junit(tmp_path, capsys):
    write_reports(RESULT, junit=tmp_path / "out/j.xml")
    (suite,) = ElementTree.parse(tmp_path / "out/j.xml").getroot()
    assert suite.attrib == {
        "name": "small/cortex-a53/fp32 on sim:cortex-a53",
        **{"tests": "3", "failures": "1", "errors": "1"},
    }
    passed, failed, unclear = suite
    assert [case.get("name") for case in suite] == ["accuracy", "stem, last", "latency"]
    assert passed.find("failure") is None
    assert failed.find("failure").get("message") == "100 to 110 (+10%)"
    assert failed.find("failure").text == "100 to 110 (+10%)\n+3 loads\na | b"
    assert unclear.find("error") is not None
    assert capsys.readouterr() == ("", "")


def test_a_summary_in_markdown_is_added(tmp_path):
    path = tmp_path / "s.md"
    path.write_text("# Before\n\n")
    write_reports(RESULT, summary=path)
    lines = path.read_text().splitlines()
    assert lines[0] == "# Before"
    assert "| ❌ | stem, last | 100 to 110 (+10%) |" in lines
    assert "- a | b" in lines


def test_within_github(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "step.md"))
    write_reports(RESULT)
    assert capsys.readouterr().err.splitlines() == [
        "::error title=small/cortex-a53/fp32%3A stem%2C last::100 to 110 (+10%25)%0A+3 loads%0Aa | b",
        "::warning title=small/cortex-a53/fp32%3A latency::spread of 15%25",
        "::notice title=small/cortex-a53/fp32::LLVM 22, the baseline's was 21",
    ]
    assert "regression" in (tmp_path / "step.md").read_text()


def test_what_cannot_be_written(tmp_path):
    with pytest.raises(ArmletError, match="cannot write"):
        write_reports(RESULT, summary=tmp_path / "absent" / "s.md")
