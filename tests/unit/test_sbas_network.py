from datetime import date, timedelta
from itertools import combinations

import numpy as np
import pytest
from basinwatch.errors import InputError
from basinwatch.sbas.network import Network

START = date(2020, 1, 1)


def days(*numbers):
    return [START + timedelta(int(n)) for n in numbers]


def nearest(n, k):
    dates = days(*range(0, 12 * n, 12))
    return Network.of((dates[i], dates[j]) for i, j in combinations(range(n), 2) if j - i <= k)


def test_a_nearest_neighbour_network_has_the_number_of_pairs_of_the_closed_form():
    report = nearest(132, 6).report()
    assert report["pairs"] == 6 * 132 - 6 * 7 // 2
    assert (report["scenes"], report["subsets"], report["index_span"]) == (132, 1, 6)
    assert report["scenes_with_one_pair"] == []


def test_triplets_agree_with_a_brute_force_count():
    network = nearest(15, 3)
    links = set(network.pairs)
    brute = sum({(a, b), (b, c), (a, c)} <= links for a, b, c in combinations(range(15), 3))
    assert network.report()["triplets"] == brute > 0


def test_two_subsets_one_of_them_interleaved_are_counted_and_a_gap_is_found():
    a, b, c, d, e, f = days(0, 12, 24, 36, 60, 72)
    report = Network.of([(a, c), (b, d), (e, f)]).report()
    assert report["subsets"] == 3
    assert report["uncovered_intervals"] == 1
    assert report["scenes_with_one_pair"] == [day.isoformat() for day in (a, b, c, d, e, f)]


def test_pairs_keep_their_order_and_days_count_from_the_first_date():
    a, b, c = days(0, 6, 30)
    network = Network.of([(b, c), (a, b)])
    assert network.pairs == ((1, 2), (0, 1))
    assert np.array_equal(network.days, [0, 6, 30])


def test_a_pair_in_the_wrong_order_is_refused():
    a, b = days(0, 12)
    with pytest.raises(InputError, match="2020-01-13_2020-01-01"):
        Network.of([(b, a)])


def test_a_stack_without_pairs_is_refused():
    with pytest.raises(InputError, match="found none"):
        Network.of([])


def test_a_sound_network_calls_for_no_remark():
    assert nearest(30, 3).report()["remarks"] == []


def test_what_a_network_lacks_is_said_in_sentences():
    a, b, c, d, e = days(0, 12, 24, 60, 72)
    unconnected, uncovered, loose = Network.of([(a, b), (b, c), (a, c), (d, e)]).remarks()
    assert "2 subsets of scenes" in unconnected
    assert "2020-01-01, 2020-03-01" in unconnected
    assert "spans 1 of 4 intervals" in uncovered
    assert loose.endswith("nothing reveals: 2020-03-01, 2020-03-13.")


def test_bridges_that_widen_the_normal_matrix_are_remarked_with_their_span():
    dates = days(*range(0, 12 * 62, 12))
    pairs = [(dates[i], dates[j]) for i, j in combinations(range(62), 2) if j - i in (1, 2, 30)]
    (remark,) = Network.of(pairs).remarks()
    assert "K = 30 of 62 scenes" in remark


def test_long_lists_of_scenes_are_cut():
    pairs = [(first, first + timedelta(days=1)) for first in days(*range(0, 60, 10))]
    assert "and 8 more" in Network.of(pairs).remarks()[-1]
