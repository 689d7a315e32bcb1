import numpy as np
import pytest

from armlet.frontend.anchors import DefaultBoxes

MAPS = [(20, 20), (10, 10), (5, 5), (3, 3), (2, 2), (1, 1)]


def corners(boxes):
    return 320 * np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], axis=1)


def test_torchvisions_boxes():
    boxes = corners(DefaultBoxes(reduced_first=False, clipped=True).on(MAPS))
    assert boxes.shape == (3234, 4)
    # Figures of torchvision 0.28, ssdlite320_mobilenet_v3_large.
    assert boxes[0] == pytest.approx([-24, -24, 40, 40])
    assert boxes[1] == pytest.approx([-34.33202, -34.33202, 50.33202, 50.33202], abs=1e-4)
    assert boxes[2] == pytest.approx([-37.254837, -14.627419, 53.254837, 30.627419], abs=1e-4)
    assert boxes[-1] == pytest.approx([72.2428, 0, 247.7572, 320], abs=1e-4)
    assert (boxes[:, 2:] - boxes[:, :2]).max() <= 320


def test_the_papers_boxes():
    kind = DefaultBoxes(reduced_first=True, clipped=False)
    assert kind.a_cell == [3, 6, 6, 6, 6, 6]
    boxes = kind.on(MAPS)
    assert boxes.shape == (1200 + 6 * 139, 4)
    # Half the scale, then ratios 2 and 1/2 of the whole.
    assert boxes[:3, 2:] == pytest.approx(
        np.array([[0.1, 0.1], [0.2 * 2**0.5, 0.2 / 2**0.5], [0.2 / 2**0.5, 0.2 * 2**0.5]])
    )
    # What is wider than the image stays so.
    assert boxes[:, 2:].max() == pytest.approx(0.95 * 3**0.5)


def test_maps_need_not_be_square():
    boxes = DefaultBoxes(reduced_first=True, clipped=False).on([(2, 4), *MAPS[1:]])
    assert boxes[0, :2] == pytest.approx([0.125, 0.25])
    assert boxes[3, :2] == pytest.approx([0.375, 0.25])
