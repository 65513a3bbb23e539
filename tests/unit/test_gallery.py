"""Pictures of labelled tiles."""

import io

import numpy as np
import pytest
from basinwatch.datasets.tiles import Label, LabelledTile
from basinwatch.gallery import Strip, gallery
from basinwatch.phase_color import from_rgb
from PIL import Image

GAP, CAPTION = 8, 22


def tile(size=40, ignore=False):
    phase = np.random.default_rng(size).uniform(-np.pi, np.pi, (size, size)).astype(np.float32)
    phase[:5] = np.nan
    mask = np.zeros((size, size), bool)
    mask[10:20, 10:25] = True
    return LabelledTile(1, phase, None, [Label(mask, ignore)], "test")


def drawn(*strips):
    return np.asarray(Image.open(io.BytesIO(gallery(strips))).convert("RGB"))


def cell(picture, size, left=0, top=0):
    return picture[top + CAPTION : top + CAPTION + size, left + GAP : left + GAP + size]


def test_phase_can_be_read_back_off_the_picture_to_one_of_its_64_colours():
    phase, distance = from_rgb(cell(drawn(Strip("a", [tile()])), 40)[5:])
    error = np.angle(np.exp(1j * (phase - tile().phase[5:])))
    assert np.abs(error).max() <= np.pi / 64 + 0.02
    assert distance.max() < 0.01


def test_tiles_stand_beside_and_strips_below_each_other_on_white_paper():
    picture = drawn(Strip("", [tile(), tile(60)]), Strip("", [tile(30)]))
    assert picture.shape[:2] == (2 * (CAPTION + GAP) + 60 + 30, 2 * GAP + 40 + 60)
    assert (cell(picture, 60, left=GAP + 40)[:5] == cell(picture, 40)[0, 0]).all()
    assert (picture[:, :GAP] == 255).all()
    assert (picture[CAPTION + 40 : CAPTION + 60, : GAP + 40] == 255).all()


def test_captions_are_written_above_their_strip():
    picture = drawn(Strip("", [tile()]), Strip("Simulated", [tile()]))
    second = CAPTION + 40 + GAP
    assert (picture[:CAPTION] == 255).all()
    assert (picture[second : second + CAPTION] != 255).any()


@pytest.mark.parametrize(("ignore", "color"), [(False, 0), (True, 255)])
def test_outlines_run_outside_the_label_in_the_color_of_its_kind(ignore, color):
    plain, outlined = (cell(drawn(Strip("", [tile(ignore=ignore)], outlines=o)), 40) for o in (False, True))
    changed = (plain != outlined).any(axis=-1)
    assert (outlined[changed] == color).all()
    mask = tile().labels[0].mask
    assert not changed[mask].any()
    assert changed[9, 12]
    assert changed[8, 12]
    assert not changed[7, 12]
