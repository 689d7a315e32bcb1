"""docs/performance.md: every benchmark writes what it measured between marks of its own."""

from collections.abc import Iterable
from pathlib import Path

from armlet.files import written_beside

PERFORMANCE = Path(__file__).parents[1] / "docs" / "performance.md"


def write_section(document: Path, benchmark: str, text: str) -> None:
    """Put `text` between the marks of `benchmark` in a Markdown file, at its end if it has none yet.

    `benchmark` is the module that writes it, below armlet.benchmarks.
    """
    begin, end = (
        f"<!-- {benchmark}: written by python -m armlet.benchmarks.{benchmark} -->",
        f"<!-- {benchmark}: end -->",
    )
    before, _, rest = document.read_text().partition(begin)
    _, _, after = rest.partition(end)
    content = f"{before.rstrip()}\n\n{begin}\n\n{text}\n\n{end}\n{after.removeprefix(chr(10))}"
    with written_beside(document, force=True) as draft:
        draft.write_text(content)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown."""
    head = list(head)
    lines = [head, ["---"] * len(head), *map(list, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
