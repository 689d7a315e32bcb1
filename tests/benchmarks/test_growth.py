"""What the plot of growth shows, and that the same points draw the same file."""

from xml.etree import ElementTree

import pytest

from armlet.benchmarks.growth import CORES, NETWORKS, Point, Variant, draw, measure, variants
from armlet.frontend import build, count
from armlet.targets import find_core


def test_one_axis_varies_at_a_time_and_nothing_is_measured_twice():
    found = list(variants())
    assert len(found) == len(set(found))
    assert {variant.network for variant in found} == set(NETWORKS)
    assert all(variant.width == 1 or variant.resolution == 224 for variant in found)


def test_the_same_points_draw_the_same_file(tmp_path):
    points = [
        Point(variant, core, cycles=variant.resolution * variant.width, floor=variant.resolution / 2)
        for variant in variants()
        for core in CORES
    ]
    for name in ("one.svg", "two.svg"):
        draw(points, tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    texts = {element.text for element in ElementTree.parse(tmp_path / "one.svg").iter() if element.text}
    assert {"resolution", "width", "v3_large, cortex-a55", "v3_small, cortex-a76"} <= texts


@pytest.mark.full
@pytest.mark.emulator
def test_a_point_is_modelled_and_above_its_floor():
    point = measure(Variant("mobilenet_v3_small", 96, 0.35), find_core("cortex-a76"))
    macs = count(build("mobilenet_v3_small", resolution=96, width=0.35)).macs
    assert point.floor == macs / 8 / 1e6
    assert point.floor < point.cycles < 10 * point.floor
