"""A benchmark's section of docs/performance.md is written in its place, and nothing else is touched."""

import pytest

from armlet.benchmarks.document import table, write_section

BEGIN, END = "<!-- peers: written by python -m armlet.benchmarks.peers -->", "<!-- peers: end -->"


@pytest.mark.parametrize("tail", ["", "\n## After\n\nmore\n"])
def test_writing_again_replaces_what_was_written(tmp_path, tail):
    document = tmp_path / "performance.md"
    document.write_text(f"# Measured\n\nfacts\n\n{BEGIN}\n\nold\n\n{END}\n{tail}")
    write_section(document, "peers", "new")
    write_section(document, "peers", "newer")
    assert document.read_text() == f"# Measured\n\nfacts\n\n{BEGIN}\n\nnewer\n\n{END}\n{tail}"


def test_a_document_without_the_section_gets_it_at_its_end(tmp_path):
    document = tmp_path / "performance.md"
    document.write_text("# Measured\n")
    write_section(document, "peers", "new")
    write_section(document, "growth", "more")
    assert document.read_text().startswith(f"# Measured\n\n{BEGIN}\n\nnew\n\n{END}\n\n<!-- growth: ")


def test_a_table():
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
