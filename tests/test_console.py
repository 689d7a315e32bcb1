import json

import pytest

from armlet.artifact import write_json
from armlet.console import print_json, print_table


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


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (1234567, "1,234,567"),
        (1234.56, "1,235"),
        (999.7, "1,000"),
        (99.97, "100"),
        (1.2345, "1.23"),
        (None, ""),
    ],
)
def test_numbers_have_three_digits_or_all_before_the_point(number, shown, capsys):
    print_table(("name", "number"), [("one", number)])
    assert capsys.readouterr().out.splitlines()[-1].split() == ["one", *filter(None, [shown])]
