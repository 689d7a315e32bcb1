import json

import pytest

from armlet.artifact import write_json
from armlet.console import print_json


def test_json_is_one_object(capsys):
    print_json({"cycles": 3, "none": None})
    assert json.loads(capsys.readouterr().out) == {"cycles": 3, "none": None}


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_json_has_no_words_for_is_not_written(number, tmp_path, capsys):
    for write in (print_json, lambda content: write_json(tmp_path / "report.json", content)):
        with pytest.raises(ValueError, match="not JSON compliant"):
            write({"spread": number})
    assert capsys.readouterr().out == ""
    assert not (tmp_path / "report.json").exists()
