from datetime import date, timedelta
from functools import partial
from itertools import combinations

import numpy as np
import pytest
from basinwatch.activity import accumulate
from basinwatch.activity.update import DetectedPair, update

SHAPE = (6, 7)
DAYS = [date(2022, 1, 1) + timedelta(days) for days in (0, 12, 24, 48, 54, 66, 78, 96)]


def masks_of(path):
    """Detected and observed pixels as a file tells them."""
    rng = np.random.default_rng(list(path.read_bytes()))
    return rng.random(SHAPE) < 0.4, rng.random(SHAPE) < 0.8


def counted(opened, path):
    """Read a pair and note it."""
    opened.append(path.name)
    return masks_of(path)


def stack(folder, scenes, links=1):
    """Pairs of the first scenes, each with a file; and the list of those that were read."""
    opened, pairs = [], []
    for first, second in combinations(DAYS[:scenes], 2):
        path = folder / f"{first}_{second}"
        if DAYS.index(second) - DAYS.index(first) <= links:
            if not path.exists():
                path.write_bytes(f"{first}{second}".encode())
            pairs.append(DetectedPair(first, second, [path], partial(counted, opened, path)))
    return pairs, opened


def at_once(pairs):
    """Activity of all pairs, without any state."""
    return accumulate((one.first, one.second, *masks_of(one.files[0])) for one in pairs)


def assert_same_bytes(found, wanted):
    for name, values in vars(wanted).items():
        assert getattr(found, name).tobytes() == values.tobytes(), name


@pytest.mark.parametrize("links", [1, 3])
def test_only_new_pairs_are_read_and_the_bytes_are_those_of_all_at_once(tmp_path, links):
    for scenes in range(4, len(DAYS) + 1):
        pairs, opened = stack(tmp_path, scenes, links)
        state = update(tmp_path / "state.npz", pairs, SHAPE, "1")
        state.save(tmp_path / "state.npz")
        assert_same_bytes(state.activity(), at_once(pairs))
        if scenes > 4:
            assert len(opened) == links
            assert all(name.endswith(f"{DAYS[scenes - 1]}") for name in opened)


def rewritten(folder):
    (folder / f"{DAYS[1]}_{DAYS[2]}").write_bytes(b"detected anew")


def cut(folder):
    path = folder / "state.npz"
    path.write_bytes(path.read_bytes()[:300])


def no_state(folder):
    np.savez(folder / "state.npz", values=np.arange(3))


@pytest.mark.parametrize("change", [rewritten, cut, no_state, lambda folder: (folder / "state.npz").unlink()])
def test_what_does_not_fit_is_added_up_from_the_beginning(tmp_path, change):
    pairs, _ = stack(tmp_path, 5)
    update(tmp_path / "state.npz", pairs, SHAPE, "1").save(tmp_path / "state.npz")
    change(tmp_path)
    pairs, opened = stack(tmp_path, 6)
    assert_same_bytes(update(tmp_path / "state.npz", pairs, SHAPE, "1").activity(), at_once(pairs))
    assert len(opened) == 5


def test_other_code_or_a_pair_that_is_gone_is_a_new_beginning(tmp_path):
    pairs, opened = stack(tmp_path, 5)
    update(tmp_path / "state.npz", pairs, SHAPE, "1").save(tmp_path / "state.npz")
    opened.clear()
    update(tmp_path / "state.npz", pairs, SHAPE, "2")
    assert len(opened) == 4
    opened.clear()
    update(tmp_path / "state.npz", pairs[1:], SHAPE, "1")
    assert len(opened) == 3
