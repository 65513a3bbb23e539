"""Stacks that read simulated files: what they may ask for, and that nothing needs to exist yet."""

from datetime import date, timedelta

import pytest
import yaml
from basinwatch import configuration, stacks
from basinwatch.errors import InputError
from basinwatch.simulation import forms

from tests.conftest import ROOT

SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
RULES = (ROOT / "workflow/rules/simulation.smk").read_text()


def configured(form="gamma", scenes="scenes.csv", first_date="2024-01-05", **roles):
    patterns = {role: f"results/simulated/mine/{name}" for role, name in forms.FILES[form].items()}
    config = {
        "stacks": {"s": patterns | {"scenes": scenes} | roles},
        "simulated_stacks": {"mine": {"form": form, "first_date": first_date}},
    }
    return configuration.validate(config, SCHEMA)


def check(config):
    forms.check(config["stacks"], config["simulated_stacks"])


@pytest.mark.parametrize("form", forms.FILES)
def test_the_names_are_those_of_the_rules_outputs(form):
    check(configured(form))
    for name in forms.FILES[form].values():
        assert f'"results/simulated/{{simulated}}/{name.replace("{pair}", "{date1}_{date2}")}"' in RULES
    check(configured(form, phase=f"./results/simulated/mine/{forms.FILES[form]['phase']}"))
    check(configured(form, phase="raw/{pair}.tif", scenes=None, coherence=None, unwrapped=None, header=None))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"phase": "results/simulated/mien/{pair}.diff"}, r"phase: 'mien' is no simulated stack; .* \(mine\)"),
        (
            {"phase": "results/simulated/mine/{pair}.int"},
            r"of form gamma, expected results/simulated/mine/\{pair\}.diff",
        ),
        ({"form": "plain", "header": "results/simulated/mine/grid.dem_par"}, "of form plain, expected null"),
        ({"scenes": None}, r"stacks.s.scenes: found none for simulated files"),
        ({"first_date": "2024-02-30"}, r"simulated_stacks.mine.first_date: '2024-02-30' is not a date"),
    ],
)
def test_files_the_simulator_does_not_write_are_refused_in_one_sentence(changes, sentence):
    with pytest.raises(InputError, match=sentence):
        check(configured(**changes))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"mines": "many"}, "mines: found 'many', expected text that matches"),
        ({"mines": -1}, "mines: found -1, expected at least 0"),
        ({"pass": "up"}, "pass: found 'up', expected one of 'ascending', 'descending'"),
        ({"form": "isce"}, "form: found 'isce', expected one of 'gamma', 'licsar', 'plain'"),
        ({"spacing": 30}, "unknown key 'spacing'; did you mean 'spacing_m'"),
    ],
)
def test_a_wrong_setting_is_one_sentence(settings, sentence):
    config = {"stacks": {"s": {"phase": "{pair}"}}, "simulated_stacks": {"m": {"first_date": "2024-01-05"} | settings}}
    with pytest.raises(InputError, match=sentence):
        configuration.validate(config, SCHEMA)


@pytest.mark.parametrize("form", forms.FILES)
def test_131_pairs_are_planned_before_any_file_exists(tmp_path, form):
    table = tmp_path / "scenes.csv"
    table.write_text("date\n" + "".join(f"{date(2024, 1, 5) + timedelta(days=12 * n)}\n" for n in range(132)))
    config = configured(form, str(table), network={"predecessors": 1})
    stack = stacks.resolve("s", config["stacks"]["s"], forms.FOLDER)
    assert len(stack.pairs) == len(stack.detection_pairs) == 131
    assert stack.warnings == ()
    first = next(iter(stack.pairs))
    for role in ("coherence", "unwrapped"):
        assert stack.optional_file(role, first, forms.FOLDER).startswith("results/simulated/mine/")
