import io
from datetime import date, timedelta

import numpy as np
from basinwatch.sbas.baseline_plot import baseline_plot
from basinwatch.sbas.network import Network
from PIL import Image

DATES = [date(2020, 1, 1) + timedelta(days=12 * k) for k in range(12)]
NETWORK = Network.of((DATES[j - k], DATES[j]) for j in range(12) for k in (1, 2) if j >= k)
APART = Network.of([(DATES[0], DATES[1]), (DATES[1], DATES[2]), (DATES[0], DATES[2]), (DATES[5], DATES[6])])
BASELINES = {day: 60 * (-1.0) ** k for k, day in enumerate(DATES)}


def pixels(picture):
    return np.asarray(Image.open(io.BytesIO(picture.png)).convert("RGB")).astype(int)


def share_like(picture, color):
    return (np.abs(pixels(picture) - np.array(color)).sum(-1) < 60).mean()


def test_the_network_is_drawn_over_time_and_baseline():
    picture = baseline_plot("a", NETWORK, BASELINES)
    assert picture.alt == "12 scenes of stack a joined by 21 pairs, over time."
    assert picture.caption == "Lines are pairs. Colours tell connected subsets apart."
    assert share_like(picture, (0x00, 0x72, 0xB2)) > 3e-4


def test_subsets_have_their_own_colours_and_the_caption_says_what_is_missing():
    picture = baseline_plot("a", APART, BASELINES)
    assert share_like(picture, (0xD5, 0x5E, 0x00)) > 5e-5
    assert share_like(baseline_plot("a", NETWORK, BASELINES), (0xD5, 0x5E, 0x00)) == 0
    assert "2 subsets of scenes" in picture.caption
    assert "Rings: scenes with one pair." in picture.caption


def test_without_baselines_pairs_are_arcs():
    arcs = baseline_plot("a", NETWORK)
    partly = baseline_plot("a", NETWORK, {DATES[0]: 3.0})
    assert "baselines are not known" in arcs.caption
    assert arcs.png == partly.png
    assert arcs.png != baseline_plot("a", NETWORK, BASELINES).png
