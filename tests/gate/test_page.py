import re
import sys
from html.parser import HTMLParser

import pytest

from armlet.errors import ArmletError
from armlet.gate import Check, GateResult, Outcome, Verdict, write_page
from armlet.gate import page as page_module
from armlet.gate.comparison import Comparison
from armlet.gate.history import Point
from armlet.gate.in_turns import Times
from armlet.targets import PairedTimes, Watch

from .by_hand import figures, kernel

NEEDED = {"macs": 400, "floor_cycles": 100, "bytes": 200}
COMPARISON = Comparison(
    figures(kernel("stem", 1000, **NEEDED), kernel("head <a>", 500, **NEEDED)),
    figures(kernel("stem", 1300, **NEEDED), kernel("head <a>", 500, **NEEDED)),
    0.01,
)
CHECKS = [
    Check("cycles", Outcome.REGRESSION, "100 < 110", ["<script>alert(1)</script>"]),
    Check("size", Outcome.PASSED, "as it was"),
]


class Page(HTMLParser):
    """What stands in a page: the elements, their attributes, the text."""

    def __init__(self, text: str):
        super().__init__()
        self.open, self.elements, self.attributes, self.texts = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        self.attributes += attrs
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data.strip())


def written(path, evidence, **options) -> Page:
    verdict = Verdict("made", "small/cortex-a53/fp32", CHECKS, ["a note"], evidence)
    write_page(GateResult("sim:cortex-a53", "b.json", [verdict]), path, **options)
    return Page(path.read_text())


def test_a_page_of_a_simulated_core(tmp_path, monkeypatch):
    points = [Point("abc1234", "2026-01-02", "first", {"small/cortex-a53/fp32": 90})]
    monkeypatch.setattr(page_module, "history", lambda baseline: points)
    page = written(tmp_path / "p.html", COMPARISON, baseline=tmp_path / "b.json")
    assert not page.open
    assert page.elements.count("svg") == 3
    assert {"Kernels", "Roofline", "History", "stem", "head, <a>", "abc1234", "a note"} <= {*page.texts}
    # What comes from models is text.
    assert "script" not in page.elements
    assert "<script>alert(1)</script>" in page.texts


def test_a_page_needs_nothing_else(tmp_path):
    page = written(tmp_path / "p.html", COMPARISON)
    links = [value for name, value in page.attributes if name in ("src", "href", "xlink:href", "data")]
    assert all(value.startswith("#") for value in links)
    assert not re.search(r"@import|url\((?!#)", (tmp_path / "p.html").read_text())
    assert not {"script", "link", "img", "iframe"} & {*page.elements}
    assert page.elements.count("svg") == 2


def test_the_same_result_gives_the_same_page(tmp_path):
    for name in ("one.html", "two.html"):
        written(tmp_path / name, COMPARISON)
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


def test_a_page_of_a_real_device(tmp_path):
    paired = PairedTimes([20.0 + number % 3 for number in range(30)], [21.0] * 30, 1.03)
    page = written(tmp_path / "p.html", Times(paired, paired, Watch(None, ())))
    assert page.elements.count("svg") == 1
    assert {"Rounds", "before", "now", "ms"} <= {*page.texts}


def test_without_matplotlib(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ArmletError, match=r"plots want matplotlib: pip install 'armlet\[report\]'"):
        written(tmp_path / "p.html", COMPARISON)
    assert not (tmp_path / "p.html").exists()
