"""What docs/models.md says of networks is what is built and counted today."""

import pytest

from armlet.benchmarks import models
from armlet.frontend import ARCHITECTURES, build, count
from armlet.published import ROWS


@pytest.fixture(scope="module")
def networks():
    return models.networks()


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_each_network_has_a_row_with_its_counts(networks):
    head, _, *rows = map(cells, networks.splitlines())
    assert [row[0] for row in rows] == [f"`{name}`" for name in ARCHITECTURES]
    small = dict(zip(head, rows[[*ARCHITECTURES].index("mobilenet_v3_small")], strict=True))
    counts = count(build("mobilenet_v3_small"))
    assert small == {
        "network": "`mobilenet_v3_small`",
        "image": "224x224",
        "parameters": f"{counts.parameters:,}",
        "MACs": f"{counts.macs:,}",
        "published, %": "67.4 ImageNet top-1 (arXiv 1905.02244, table 3)",
        "sources": "paper, torchvision, timm, timm-tf, keras",
        "options": "`reduced_tail`, `minimalistic`, `output_stride`",
    }


def test_the_page_has_these_tables(networks):
    page, paper = models.MODELS.read_text(), models.beside_the_paper()
    assert networks in page
    assert paper in page
    assert sum(line.startswith("| ") for line in paper.splitlines()) == len(ROWS) + 2 * len(models.TITLES)
    assert "| V3-Large 1.0 | 5.4M, **5.4M** (5,483,032) |" in paper


@pytest.mark.parametrize(
    ("counted", "printed", "shown"),
    [
        (5_483_032, "5.4M", "5.4M"),  # cut
        (216_589_760, "219M", "217M"),  # rounded
        (2_030_264, "1.9M", "2.0M"),
    ],
)
def test_a_count_is_shown_as_the_paper_would_print_it(counted, printed, shown):
    assert models._shown(counted, printed) == shown
