"""What a configuration may say of mine patches."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from basinwatch.configuration import check_files, check_references, validate
from basinwatch.errors import InputError

ROOT = Path(__file__).parents[2]
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
STACKS = {"s": SimpleNamespace(settings={"rate": True, "heights": None}, pairs=[])}
PICTURE = {"image": "picture.tif", "reference": "drawn.gpkg"}
LEARNT = {"data": "labelled", "options": {"encoding": "bands3"}}
MODELS = {"basinnet": "resources/models/basinnet", "mines": "results/models/mines"}


def checked(picture: dict[str, object], **sections: object) -> None:
    """Check a configuration with one picture."""
    areas = {"hills": {"stacks": ["s"], "patches": picture}}
    given = {"stacks": {"s": {"phase": "{pair}.tif"}}, "areas": areas, "models": MODELS, "patches": {"model": "mines"}}
    check_references(validate(given | sections, SCHEMA), STACKS)


def test_a_picture_with_a_model_is_enough() -> None:
    checked({"image": "picture.tif"})
    checked(PICTURE | {"train": True}, training=LEARNT)


@pytest.mark.parametrize(
    ("picture", "sections", "sentence"),
    [
        (PICTURE, {"patches": {}}, "patches.model: 'None' is not defined; expected one of basinnet, mines"),
        (PICTURE, {"patches": {"model": "mines", "tiling": "px7"}}, "patches.tiling: 'px7' is not defined"),
        (
            {"image": "picture.tif", "train": True},
            {"training": LEARNT},
            "areas.hills.patches.train: found no reference",
        ),
        (PICTURE | {"train": True}, {}, "found data 'both' and encoding 'None' with pictures of area 'hills'"),
        (
            PICTURE | {"train": True},
            {"training": {"data": "labelled"}},
            "expected data 'labelled' and options.encoding",
        ),
        (
            PICTURE | {"train": True},
            {"training": LEARNT | {"variants": {"other": {"preset": "deeplabv3"}}}},
            "config: training.variants.other: found data 'labelled' and encoding 'None' with pictures of area 'hills'",
        ),
        (
            PICTURE | {"image": "results/simulated/orthophotos/moon/image.tif"},
            {"simulated_orthophotos": {"hills": {}}},
            "areas.hills.patches.image: 'moon' is not defined; expected one of hills",
        ),
    ],
)
def test_contradictions_are_refused(picture: dict[str, object], sections: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputError) as error:
        checked(picture, **sections)
    assert sentence in str(error.value)


@pytest.mark.parametrize("key", ["image", "reference", "land_cover", "excluded"])
def test_files_that_are_not_there_are_named(key: str) -> None:
    picture = {"image": "results/simulated/orthophotos/hills/image.tif"} | {key: "no/such.tif"}
    given = {"stacks": {"s": {"phase": "x"}}, "areas": {"hills": {"stacks": ["s"], "patches": picture}}}
    with pytest.raises(InputError, match=f"areas.hills.patches.{key}: found nothing at 'no/such.tif'"):
        check_files(validate(given, SCHEMA), "results/simulated")
