import json

import pytest

from armlet.passes import PIPELINES, PassReport, Refusal, Report, optimize


def test_the_report_is_plain_json(parse):
    report = optimize(parse("h = HardSwish (x) y = HardSigmoid (h)")).report
    content = json.loads(json.dumps(report.to_json()))
    assert content["target"] == "tvm"
    assert content["tolerance"] == 1e-5
    assert [entry["name"] for entry in content["passes"]] == [step.name for step in PIPELINES["tvm"]]
    entries = {entry["name"]: entry for entry in content["passes"]}
    assert entries["recognise_hard_sigmoid"] == {
        "name": "recognise_hard_sigmoid",
        "rewritten": 0,
        "refused": [{"node": "y", "reason": "it is no h-sigmoid: its slope is 0.2, not 0.1666667"}],
        "worst_error": 0.0,
        "worst_site": None,
        "found": 1,
    }
    assert entries["clip_hard_swish"]["worst_site"] == "h"
    assert content["worst_error"] == max(content["random_error"], content["large_error"])
    assert content["large_skipped"] is None


def test_large_inputs_that_were_skipped_keep_their_keys(parse):
    verified, skipped = (optimize(parse(f"y = {name} (x)")).report.to_json() for name in ("Relu", "Exp"))
    assert skipped.keys() == verified.keys()
    assert (skipped["random_error"], skipped["large_error"], skipped["worst_error"]) == (0.0, None, 0.0)
    assert skipped["large_skipped"] == "the original computes NaN or infinity on them"


@pytest.mark.parametrize(("refused", "found"), [((), 3), ((Refusal("a", "it is another"),), 4)])
def test_what_is_found_is_rewritten_or_refused(refused, found):
    assert PassReport("p", 3, refused, 0.0, None).found == found


def test_the_worst_error_of_the_network_is_of_either_input():
    assert Report("tvm", (), 1e-5, random_error=1e-7, large_error=2e-6).worst_error == 2e-6
