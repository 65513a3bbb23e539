"""Nothing that a user or a producer names reaches a shell, a path outside the results, SQL or a page as code."""

import ast
import re
import struct
import zipfile
import zlib
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import yaml
from basinwatch import configuration, stacks
from basinwatch.errors import InputError
from basinwatch.rasters import quiet_radar_geometry
from basinwatch.readers import archive, geotiff
from basinwatch.readers.pair import PairFiles
from basinwatch.vectors import layers_of, read_vectors, write_geopackage
from shapely.geometry import box

from tests.conftest import ROOT

SOURCES = sorted((ROOT / "workflow" / "scripts").rglob("*.py"))
RULES = [ROOT / "Snakefile", *sorted((ROOT / "workflow" / "rules").glob("*.smk"))]
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
HOSTILE = [
    "../outside", "a/b", "/etc", "..", "a b", "a;touch pwned", "$(touch pwned)", "`id`", "a|b", "<script>", "a'b",
    'a"b',
    "name\n", "{pair}", "", "ä", "a\x00b", "-rf", "*",
]  # fmt: skip
# Modules that execute what they read, and calls that do.
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "joblib", "tarfile"}
CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "yaml.load", "yaml.unsafe_load",
         "yaml.full_load", "torch.load", "torch.hub.load", "pd.read_pickle", "shutil.unpack_archive"}  # fmt: skip


def named(node: ast.expr) -> str:
    """Dotted name of what is called."""
    return f"{named(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def dangers(tree: ast.AST) -> list[str]:
    """What a source does that could run what it reads."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split(".")[0] in MODULES]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in MODULES:
            found.append(str(node.module))
        elif isinstance(node, ast.Call):
            options = {keyword.arg: keyword.value for keyword in node.keywords}
            name = named(node.func)
            if name in CALLS or (name.endswith((".extractall", ".extract")) and ".str." not in name):
                found.append(name)
            if "shell" in options and getattr(options["shell"], "value", True) is not False:
                found.append(f"{name} with a shell")
            if name in ("np.load", "numpy.load") and getattr(options.get("allow_pickle"), "value", False):
                found.append(f"{name} with pickle")
    return found


@pytest.mark.parametrize("source", [
    "import pickle", "from joblib import load", "eval('1')", "import yaml\nyaml.load(x)", "run(a, shell=True)",
    "np.load(f, allow_pickle=True)", "z.extractall()", "torch.load(p)",
])  # fmt: skip
def test_the_search_for_dangers_finds_them(source):
    assert dangers(ast.parse(source))


def test_no_source_runs_what_it_reads():
    assert len(SOURCES) > 100
    assert not {path: found for path in SOURCES if (found := dangers(ast.parse(path.read_text())))}


def test_no_rule_has_a_shell_and_none_unsafe_yaml():
    for path in RULES:
        text = path.read_text()
        assert not re.search(r"^\s+(shell|run|cwl|notebook):", text, re.M), path
        assert not re.search(r"yaml\.(load|unsafe_load|full_load)\(|\beval\(|\bexec\(|pickle|os\.system", text), path


@pytest.mark.parametrize("name", HOSTILE, ids=repr)
@pytest.mark.parametrize("section", ["stacks", "areas", "models", "tilings", "labelled_tiles", "simulated_stacks"])
def test_a_name_that_becomes_a_folder_is_letters_digits_and_hyphens(section, name):
    values = {
        "stacks": {"phase": "raw/{pair}.diff"}, "areas": {"stacks": ["mine"]}, "models": "resources/models/basinnet",
        "tilings": {"size_px": 256, "overlap_px": 32}, "labelled_tiles": {"images": "a", "labels": "b", "use": "train"},
        "simulated_stacks": {"form": "gamma", "first_date": "2024-01-05", "mines": "example"},
    }  # fmt: skip
    good = {"stacks": {"mine": values["stacks"]}}
    configuration.validate(good, SCHEMA)
    with pytest.raises(InputError):
        configuration.validate(good | {section: {name: values[section]}}, SCHEMA)


@pytest.mark.parametrize("name", HOSTILE, ids=repr)
@pytest.mark.parametrize("section", ["simulation", "training", "calibration"])
def test_a_product_keeps_to_its_folder(section, name):
    config = {"stacks": {"mine": {"phase": "raw/{pair}.diff"}}, section: {"name": name}}
    with pytest.raises(InputError):
        configuration.validate(config, SCHEMA)


FOLDERS = [
    "a b", "$(touch pwned)", "a;touch pwned", "`touch pwned`", "a'b", 'a"b', "<img src=x>", "-rf", "a[1]b", "a\nb",
]  # fmt: skip


@pytest.mark.parametrize("folder", FOLDERS, ids=repr)
@pytest.mark.parametrize("pattern", ["{pair}.diff", "*{pair}*.diff"])
def test_a_hostile_folder_name_is_a_folder_name_and_nothing_else(tmp_path, folder, pattern):
    path = tmp_path / folder / "20240105_20240117.diff"
    path.parent.mkdir()
    path.touch()
    config = configuration.validate({"stacks": {"mine": {"phase": f"{tmp_path}/{folder}/{pattern}"}}}, SCHEMA)
    stack = stacks.resolve("mine", config["stacks"]["mine"], "results")
    assert stack.file("phase", "20240105_20240117") == str(path)


TEXTS = [
    "'); DROP TABLE basins;--", '"><script>alert(1)</script>', "$(touch pwned)", "{{ 7*7 }}", "=1+1", "Ω\u202e\x7f",
]  # fmt: skip


def test_attributes_come_back_as_text(tmp_path):
    frame = gpd.GeoDataFrame({"name": TEXTS}, geometry=[box(n, 0, n + 1, 1) for n in range(len(TEXTS))], crs=32634)
    write_geopackage(tmp_path / "a.gpkg", {"basins": frame, "others": frame})
    assert layers_of(tmp_path / "a.gpkg") == ["basins", "others"]
    assert read_vectors(tmp_path / "a.gpkg", "basins")["name"].tolist() == TEXTS


@pytest.mark.parametrize("layer", TEXTS)
def test_a_layer_asked_for_is_a_name_and_no_query(tmp_path, layer):
    write_geopackage(tmp_path / "a.gpkg", {"basins": gpd.GeoDataFrame(geometry=[box(0, 0, 1, 1)], crs=32634)})
    with pytest.raises(InputError, match="no readable layer"):
        read_vectors(tmp_path / "a.gpkg", layer)
    assert layers_of(tmp_path / "a.gpkg") == ["basins"]


@pytest.mark.parametrize("text", [*TEXTS, "__import__('os').system('touch pwned')", "1e999", "nan"])
def test_tags_of_a_raster_are_numbers_or_nothing(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "20240105_20240117.tif"
    tags = {"WAVELENGTH_M": text, "INCIDENCE_DEGREES": text, "DESCRIPTION": text}
    with quiet_radar_geometry(), rasterio.open(path, "w", **SQUARE, width=16, height=16) as target:
        target.write(np.ones((1, 16, 16), np.complex64))
        target.update_tags(**tags)
    files = PairFiles.of({"phase": str(path)}, ["2024-01-05", "2024-01-17"], OPTIONS)
    raw = geotiff.read(files)
    assert not {"wavelength_m", "incidence_deg"} & set(raw.facts)
    assert text not in str(raw.source)
    assert not (tmp_path / "pwned").exists()


SQUARE = {"driver": "GTiff", "count": 1, "dtype": "complex64"}
OPTIONS = {"kind": None, "sign": None, "wavelength_m": None, "allow_truncated": False, "color": {}}


@pytest.mark.parametrize("member", ["../evil.tif", "/etc/passwd", "a/../../b", "..\\evil.tif", "C:/../../x"])
def test_a_member_that_points_out_of_its_archive_is_refused(tmp_path, member):
    path = tmp_path / "product.zip"
    with zipfile.ZipFile(path, "w") as target:
        target.writestr(member, b"x")
    with pytest.raises(InputError, match="expected plain files inside the archive"):
        archive.members(path)


def test_an_archive_that_swells_beyond_measure_is_refused(tmp_path):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("phase.tif", bytes(2**27))
    with pytest.raises(InputError, match="swells"):
        archive.members(path)


def test_an_archive_of_countless_members_is_refused(tmp_path):
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as target:
        for number in range(10_001):
            target.writestr(str(number), b"")
    with pytest.raises(InputError, match="10001 members"):
        archive.members(path)


def test_a_raster_that_swells_beyond_measure_is_refused_before_memory_is_asked_for(tmp_path):
    path = tmp_path / "20240105_20240117.tif"
    sparse = {"SPARSE_OK": True, "BIGTIFF": "YES", "tiled": True, "blockxsize": 4096, "blockysize": 4096}
    with quiet_radar_geometry():
        rasterio.open(path, "w", **SQUARE, width=200_000, height=200_000, **sparse).close()
    files = PairFiles.of({"phase": str(path)}, ["2024-01-05", "2024-01-17"], OPTIONS)
    with pytest.raises(InputError, match="pixels"):
        geotiff.read(files)


def test_a_picture_that_swells_beyond_measure_is_refused(tmp_path):
    path = tmp_path / "20240105_20240117.png"
    path.write_bytes(png(60_000, 60_000))
    with pytest.raises(InputError, match=r"pixels|cannot be read"):
        geotiff.read_band(path)


def png(width: int, height: int) -> bytes:
    """Build a grey PNG of one colour that is much larger unpacked."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(width + 1)) for _ in range(50)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_results_are_all_written_below_the_folder_of_results():
    for path in RULES:
        for block in re.findall(r"^    output:\n(.*?)^    \w+:", path.read_text(), re.M | re.S):
            for name in re.findall(r'"([^"]*/[^"]*)"', block):
                assert name.startswith(("results/", "../report/", "{")), f"{path.name}: {name}"


def test_no_setting_is_a_folder_to_write_into():
    for path in (ROOT / "workflow/rules").glob("*.smk"):
        for block in re.findall(r"^    (?:output|log|benchmark):\n(.*?)^    \w+:", path.read_text(), re.M | re.S):
            assert not re.search(r"config\[[^\]]+\](?!\[[\"']name)", block), path.name


def test_the_report_escapes_by_default():
    pages = [path for path in SOURCES if "Environment(" in path.read_text()]
    assert pages
    for path in pages:
        assert "autoescape=True" in path.read_text(), path
    # The map's own files, and its JSON, which test_map_page holds to be without any <, > or &.
    own = {"map_page/page.html": {"style", "data", "library", "script"}}
    for template in Path(ROOT / "workflow").rglob("*.html"):
        found = set(re.findall(r"(\S+)\s*\|\s*safe\b", template.read_text()))
        assert found == own.get("/".join(template.parts[-2:]), set()), template
