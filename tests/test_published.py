import pytest

from armlet.published import ROWS, as_printed


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"table {row.table}, {row.label}")
def test_counts_are_as_printed_or_a_reason_is_given(row):
    parameters, macs = row.count()
    assert row.agrees == (not row.why)
    # What differs does so by little: parameters by 11% (the widths of table 9), MAdds by 7%.
    units = {"M": 1e6, "B": 1e9}
    assert parameters == pytest.approx(float(row.parameters[:-1]) * 1e6, rel=0.11)
    assert macs == pytest.approx(float(row.macs[:-1]) * units[row.macs[-1]], rel=0.07)


def test_figures_are_rounded_or_cut():
    assert as_printed(5_483_032, "5.4M") == "5.5M"
    assert as_printed(5_483_032, "5.4M", cut=True) == "5.4M"
    assert as_printed(9_533_209_824, "9.74B") == "9.53B"
