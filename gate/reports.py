"""What machines read of the gate: JUnit XML, annotations of GitHub, a summary in Markdown."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

from ..errors import ArmletError
from ..files import written_beside
from .outcome import Check, GateResult, Outcome, Verdict

MARKS = {Outcome.PASSED: "✅", Outcome.INCONCLUSIVE: "❔", Outcome.REGRESSION: "❌"}


def write_reports(result: GateResult, *, junit: Path | None = None, summary: Path | None = None) -> None:
    """Write `result` as JUnit XML to `junit`, and add it as Markdown to `summary`.

    Within GitHub's actions, what did not pass is also annotated, on standard error, and the summary is added
    to that of the step. Raises ArmletError if a file cannot be written.
    """
    if junit:
        with written_beside(junit, force=True) as draft:
            ElementTree.ElementTree(junit_of(result)).write(draft, encoding="utf-8", xml_declaration=True)
    for path in (summary, os.environ.get("GITHUB_STEP_SUMMARY")):
        if path:
            _add(Path(path), markdown_of(result))
    if os.environ.get("GITHUB_ACTIONS"):
        print(*annotations_of(result), sep="\n", file=sys.stderr)


def junit_of(result: GateResult) -> ElementTree.Element:
    """A test suite for each artifact, a case for each check: what is inconclusive is an error."""
    suites = ElementTree.Element("testsuites", name="armlet check")
    for verdict in result.verdicts:
        failed, unclear = (
            sum(check.outcome is outcome for check in verdict.checks)
            for outcome in (Outcome.REGRESSION, Outcome.INCONCLUSIVE)
        )
        suite = ElementTree.SubElement(suites, "testsuite", name=f"{verdict.name} on {result.device}")
        suite.attrib |= {"tests": str(len(verdict.checks)), "failures": str(failed), "errors": str(unclear)}
        for check in verdict.checks:
            case = ElementTree.SubElement(suite, "testcase", name=check.name, classname=verdict.name)
            text = "\n".join([check.summary, *check.details])
            if check.outcome is Outcome.PASSED:
                ElementTree.SubElement(case, "system-out").text = text
            else:
                kind = "failure" if check.outcome is Outcome.REGRESSION else "error"
                ElementTree.SubElement(case, kind, message=check.summary).text = text
    return suites


def markdown_of(result: GateResult) -> str:
    """A table for each artifact, with the reasons of what did not pass below."""
    return "\n".join(line for verdict in result.verdicts for line in _markdown(verdict, result))


def _markdown(verdict: Verdict, result: GateResult) -> Iterable[str]:
    yield f"### {MARKS[verdict.outcome]} `{verdict.name}` on `{result.device}`: {verdict.outcome}\n"
    yield f"Against `{result.against}`.\n"
    yield "| | check | found |\n|---|---|---|"
    for check in verdict.checks:
        yield f"| {MARKS[check.outcome]} | {_cell(check.name)} | {_cell(check.summary)} |"
    for check in _failed(verdict):
        if check.details:
            yield f"\n**{check.name}**\n"
            yield from (f"- {line}" for line in check.details)
    yield from (f"\n{note}" for note in verdict.notes)
    yield ""


def annotations_of(result: GateResult) -> Iterable[str]:
    """A workflow command of GitHub's for each check that did not pass, and for each note."""
    for verdict in result.verdicts:
        for check in _failed(verdict):
            level = "error" if check.outcome is Outcome.REGRESSION else "warning"
            text = "\n".join([check.summary, *check.details])
            yield f"::{level} title={_property(f'{verdict.name}: {check.name}')}::{_data(text)}"
        for note in verdict.notes:
            yield f"::notice title={_property(verdict.name)}::{_data(note)}"


def _failed(verdict: Verdict) -> Iterable[Check]:
    return (check for check in verdict.checks if check.outcome is not Outcome.PASSED)


def _add(path: Path, text: str) -> None:
    try:
        with path.open("a") as file:
            file.write(text)
    except OSError as error:
        raise ArmletError(f"cannot write {path}: {error.strerror}") from error


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _data(text: str) -> str:
    """Text as workflow commands want it escaped (github.com/actions/toolkit, core/src/command.ts)."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
