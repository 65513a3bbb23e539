from datetime import date

import pytest
from basinwatch.errors import InputError
from basinwatch.sbas.baselines import join_differences, read_baselines

A, B, C = date(2017, 2, 18), date(2017, 3, 2), date(2017, 3, 26)
EXPECTED = {A: 0.0, B: -34.2, C: 96.7}


@pytest.mark.parametrize(
    "text",
    [
        # LiCSAR: all dates against one primary, which may lie between them.
        "20170302 20170218 34.2 12.0\n20170302 20170302 0.0 0.0\n20170302 20170326 130.9 24.0\n",
        # GAMMA base_calc and older LiCSAR: numbered pairs.
        "   1  20170218  20170302  -34.2   12.0   -12.0  0.0   34.2   0.0\n"
        "   2  20170302  20170326  130.9   24.0     0.0 24.0    0.0 130.9\n",
        # A table of dates against any orbit.
        "# metres\ndate,baseline_m\n2017-02-18,5.0\n2017-03-02,-29.2\n2017-03-26,101.7\n",
        "20170326 101.7\n20170218 5.0\n\n20170302 -29.2\n",
    ],
)
def test_every_known_table_gives_one_baseline_per_date(tmp_path, text):
    path = tmp_path / "baselines"
    path.write_text(text)
    found = read_baselines(path)
    assert list(found) == [A, B, C]
    assert found == pytest.approx(EXPECTED)


def test_pairs_in_any_order_and_with_loops_are_joined():
    assert join_differences([(B, C, 130.9), (C, A, -96.7), (A, B, -34.2)], "pairs") == pytest.approx(EXPECTED)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "no row with a baseline"),
        ("20170218 20170302 abc 12\n", "line 1: found '20170218 20170302 abc 12'"),
        ("20170218 20170302\n", "line 1: found '20170218 20170302'"),
        ("20170218 20171302 5\n", "line 1"),
        ("20170218 20170302 5\n20170326 20170407 7\n", "no chain of baselines from 2017-02-18 to 2017-03-26"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_in_one_sentence(tmp_path, text, found):
    path = tmp_path / "baselines"
    path.write_text(text)
    with pytest.raises(InputError, match=found):
        read_baselines(path)


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(InputError, match="baseline table not found"):
        read_baselines(tmp_path / "none")
