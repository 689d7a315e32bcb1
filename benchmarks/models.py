"""What armlet builds, and its counts beside those that the paper prints.

Run it as `python -m armlet.benchmarks.models`. It writes the tables of docs/models.md; seconds.
"""

from armlet.frontend import ARCHITECTURES, build, count
from armlet.published import ROWS, as_printed

from .document import PERFORMANCE, table, write_section

MODELS = PERFORMANCE.with_name("models.md")
TITLES = {
    "3": "Table 3: ImageNet, 224x224",
    "6": "Table 6: SSDLite, 320x320, without batch norm's parameters",
    "7": "Table 7: Cityscapes, 1025x2049",
    "8": "Table 8: Cityscapes, 1025x2049, LR-ASPP at output stride 32",
    "9": "Table 9: widths and resolutions",
}


def networks() -> str:
    """Every network with the defaults of the paper's form."""
    rows = []
    for name, architecture in ARCHITECTURES.items():
        model = build(name)
        counts, (image,) = count(model), model.graph.inputs
        known = architecture.published
        rows.append(
            [
                f"`{name}`",
                "x".join(str(size) for size in image.shape[2:]),  # type: ignore[index]
                f"{counts.parameters:,}",
                f"{counts.macs:,}",
                f"{known.accuracy:g} {known.metric} ({known.reference})" if known else "",
                ", ".join(architecture.forms),
                ", ".join(f"`{option}`" for option in _options(name)),
            ]
        )
    head = ["network", "image", "parameters", "MACs", "published, %", "sources", "options"]
    return table(head, rows)


def _options(name: str) -> list[str]:
    """What can be asked of a network beside source, width, seed, resolution and classes."""
    architecture = ARCHITECTURES[name]
    known = {**architecture.options, **architecture.forms["paper"].defaults}
    return [option for option in known if option not in ("resolution", "classes")]


def beside_the_paper() -> str:
    """The rows of the paper's tables."""
    sections = []
    for number, title in TITLES.items():
        rows = []
        for row in (row for row in ROWS if row.table == number):
            parameters, macs = row.count()
            shown = [
                f"{printed}, **{_shown(counted, printed)}** ({counted:,})"
                for counted, printed in ((parameters, row.parameters), (macs, row.macs))
            ]
            rows.append([row.label, *shown, row.why])
        head = ["network", "parameters: printed, **armlet**", "MAdds: printed, **armlet**", "why they differ"]
        sections.append(f"### {title}\n\n{table(head, rows)}")
    return "\n\n".join(sections)


def _shown(counted: int, printed: str) -> str:
    """The count as the paper would print it: rounded, or cut where that is what it prints."""
    cut = as_printed(counted, printed, cut=True)
    return cut if cut == printed else as_printed(counted, printed)


def main() -> None:
    """Count and write."""
    text = f"## Networks\n\n{networks()}\n\n## Beside the paper\n\n{beside_the_paper()}"
    write_section(MODELS, "models", text)


if __name__ == "__main__":
    main()
