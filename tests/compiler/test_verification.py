import json

import numpy as np
import pytest

from armlet.compiler.verification import signal_to_noise

WANTED = [np.array([3.0, -4.0], np.float32), np.array([1.0], np.float32)]


def test_the_worst_of_several_outputs_counts():
    got = [WANTED[0] + np.float32(0.5), WANTED[1] + np.float32(0.125)]
    assert signal_to_noise(WANTED, got) == pytest.approx(10 * np.log10(12.5 / 0.25))


@pytest.mark.parametrize("wanted", [WANTED, [np.array([7, 300])], [np.zeros(3)]])
def test_an_output_without_error_has_a_number_that_json_knows(wanted):
    json.dumps(signal_to_noise(wanted, wanted), allow_nan=False)
