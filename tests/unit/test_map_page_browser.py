"""The map page in a real browser: what a person clicks and types does what it should, and nothing goes wrong."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from basinwatch import map_page, report
from basinwatch.vectors import read_vectors, write_geopackage
from PIL import Image

from tests.browser import PHONE, Tab, browsing, find_browser
from tests.unit.report_scene import map_grid, radar_grid, write_area

pytestmark = pytest.mark.skipif(find_browser() is None, reason="no Chromium is installed (apt-get install chromium)")
HOSTILE = "</script><img src=x onerror=console.error(1)>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages of a map, of radar geometry, of an area without anything, and of hostile names."""
    home = tmp_path_factory.mktemp("pages")
    files = write_area(home / "map", map_grid(160))
    write(home / "map.html", report.load("silesia", {"north": True}, files))
    radar = write_area(home / "radar", radar_grid(96), pairs=2)
    write(home / "radar.html", report.load("radar", {"north": True}, radar))
    bare = write_area(home / "bare", map_grid(64), pairs=2, n_basins=0, rated=False)
    empty = {role: paths for role, paths in bare.items() if role not in ("meta", "phase", "coherence")}
    write(home / "empty.html", report.load("empty", {"north": False}, empty))
    hostile = write_area(home / "hostile", map_grid(64), pairs=2)
    basins = read_vectors(hostile["basins"][0], "basins").assign(state=HOSTILE)
    write_geopackage(hostile["basins"][0], {"basins": basins})
    write(home / "hostile.html", report.load(HOSTILE, {"north": True}, hostile))
    return home


def write(path: Path, area: report.Area) -> None:
    path.write_text(map_page.render(area, 5.0, "report.html"), encoding="utf-8")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with browsing(tmp_path_factory.mktemp("profile")) as tab:
        yield tab


@pytest.fixture
def tab(browser: Tab, folder: Path) -> Iterator[Tab]:
    """The page of the map, freshly loaded; after every test the console must be silent and the network untouched."""
    browser.problems.clear()
    browser.requests.clear()
    browser.open(folder / "map.html")
    yield browser
    assert browser.problems == []
    assert all(request.startswith("file:") and ".html" in request for request in browser.requests)


def shown_picture(tab: Tab) -> str:
    return str(tab.run("document.querySelector('.leaflet-image-layer').src"))


def listed(tab: Tab) -> list[str]:
    return list(tab.run("[...document.querySelectorAll('#list b')].map((node) => node.textContent)"))


def text(tab: Tab, selector: str) -> str:
    return str(tab.run(f"document.querySelector('{selector}').textContent"))


def on_screen(tab: Tab, basin: str) -> tuple[float, float]:
    """Where the middle of a basin is in the window."""
    frame = tab.run("at('map').getBoundingClientRect().toJSON()")
    point = tab.run(f"map.latLngToContainerPoint(byName.get('{basin}').place.slice().reverse())")
    return frame["x"] + point["x"], frame["y"] + point["y"]


def test_every_layer_shows_its_own_picture_and_legend(tab: Tab) -> None:
    pictures, titles = set(), []
    for key in ("phase", "coherence", "rate", "hotspots", "activity"):
        tab.click(f'#layers input[value="{key}"]')
        pictures.add(shown_picture(tab) if key != "coherence" else "coherence")
        titles.append(text(tab, "#legend b"))
    assert len(pictures) == 5
    assert titles[:3] == ["Interferogram (rad)", "Coherence", "Rate (mm/yr)"]
    assert titles[3:] == ["Hot spots (Gi*)", "Days with activity (days)"]


def test_the_slider_changes_date_picture_and_count(tab: Tab) -> None:
    newest = shown_picture(tab)
    assert text(tab, "#date-text") == "2023-03-02 to 2023-03-14 · 12 days · 4 detected"
    tab.run("document.getElementById('date').focus()")
    tab.press("ArrowLeft", 37)
    assert text(tab, "#date-text") == "2023-02-18 to 2023-03-02 · 12 days · 3 detected"
    assert shown_picture(tab) != newest
    tab.click("#later")
    assert shown_picture(tab) == newest


def test_a_click_on_a_basin_opens_its_card(tab: Tab) -> None:
    tab.click_at(*on_screen(tab, "k3"))
    assert text(tab, "#card-name") == "k3"
    assert text(tab, "#card .blind") == "Not in the rate map: coherence lost."
    assert "in 2 of 5 pairs" in text(tab, "#card dl")
    assert tab.run("document.querySelectorAll('#card [data-pair]').length") == 6
    tab.click("#card button[aria-label='Close the card']")
    assert tab.run("document.getElementById('card').hidden")


def test_a_bar_of_the_history_brings_its_date(tab: Tab) -> None:
    tab.run("open('k1')")
    tab.click("#card [data-pair='1']")
    assert text(tab, "#date-text").startswith("2023-01-13 to 2023-01-25")


def test_filters_by_state_date_size_and_score_shorten_list_and_map(tab: Tab) -> None:
    drawn = "[...document.querySelectorAll('.tag')].map((node) => node.textContent).sort()"
    assert listed(tab) == ["k1", "k5", "k2", "k3", "k4"]
    tab.click('#states input[value="continuous"]')
    assert listed(tab) == tab.run(drawn) == ["k2", "k3", "k4"]
    tab.click("#reset")
    tab.run("at('since').value = '2023-01-02'; at('since').dispatchEvent(new Event('change'))")
    assert listed(tab) == tab.run(drawn) == []
    tab.click("#reset")
    tab.run("at('score').value = '0.95'; at('score').dispatchEvent(new Event('input'))")
    assert listed(tab) == []
    tab.click("#reset")
    tab.run("at('size').value = '1e6'; at('size').dispatchEvent(new Event('input'))")
    assert text(tab, "#count") == "0 of 5 basins"
    tab.click("#reset")
    assert len(listed(tab)) == 5


def test_everything_works_by_keys(tab: Tab) -> None:
    tab.press("3")
    assert text(tab, "#legend b") == "Rate (mm/yr)"
    tab.press("n")
    tab.press("n")
    assert text(tab, "#card-name") == "k5"
    tab.press("p")
    assert text(tab, "#card-name") == "k1"
    tab.press(",")
    assert text(tab, "#date-text").startswith("2023-02-18")
    tab.press("Escape", 27)
    assert tab.run("document.getElementById('card').hidden")
    assert tab.run("document.activeElement.querySelector('b').textContent") == "k1"


def test_letters_typed_into_a_filter_are_no_commands(tab: Tab) -> None:
    tab.run("at('size').focus()")
    tab.press("3")
    assert text(tab, "#legend b") == "Interferogram (rad)"


def test_colours_on_the_screen_are_those_of_the_legend(tab: Tab) -> None:
    tab.run("setLayer('hotspots'); at('shown').querySelector('input').click()")
    tab.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    screen = np.asarray(Image.open(io.BytesIO(tab.screenshot())).convert("RGB")).reshape(-1, 3)
    assert (screen == (165, 15, 38)).all(axis=1).sum() > 500


def test_the_scale_bar_is_as_long_as_it_says(tab: Tab) -> None:
    label, width = tab.run("(() => { const e = document.querySelector('.leaflet-control-scale-line');"
                           " return [e.textContent, e.offsetWidth]; })()")  # fmt: skip
    metres = float(label.split()[0]) * (1000 if label.endswith("km") else 1)
    assert metres / width == pytest.approx(tab.run("1 / map.options.crs.scale(map.getZoom())"), rel=0.03)


def test_a_link_may_name_a_basin(tab: Tab, folder: Path) -> None:
    tab.open(folder / "empty.html")
    tab.open(folder / "map.html", fragment="#basin=k4")
    assert text(tab, "#card-name") == "k4"


def test_radar_geometry_has_pixel_axes_and_neither_north_nor_scale(tab: Tab, folder: Path) -> None:
    tab.open(folder / "radar.html")
    assert "column 60" in text(tab, "#axis-x")
    assert "row 60" in text(tab, "#axis-y")
    assert tab.run("document.getElementById('north').hidden")
    assert tab.run("document.querySelectorAll('.leaflet-control-scale').length") == 0
    tab.run("open('k1')")
    assert "column" in text(tab, "#card dl")
    assert " px" in text(tab, "#card dl")


def test_an_area_without_basins_or_dates_says_so(tab: Tab, folder: Path) -> None:
    tab.open(folder / "empty.html")
    assert text(tab, "#count") == "No basins were found"
    assert tab.run("document.getElementById('dates').hidden")


def test_hostile_names_are_shown_and_never_run(tab: Tab, folder: Path) -> None:
    tab.open(folder / "hostile.html")
    tab.run("open('k1')")
    assert HOSTILE in text(tab, "#card header")
    assert HOSTILE in text(tab, "h1")
    assert tab.run("document.querySelectorAll('img[src=x]').length") == 0


def test_on_a_phone_nothing_is_wider_than_the_screen_and_the_card_leaves_the_map(tab: Tab, folder: Path) -> None:
    tab.open(folder / "map.html", PHONE)
    assert tab.run("document.documentElement.scrollWidth") <= PHONE[0]
    tab.run("open('k2')")
    tab.run("new Promise((done) => setTimeout(done, 600))")
    assert on_screen(tab, "k2")[1] < tab.run("at('card').getBoundingClientRect().top")
    assert tab.run("document.documentElement.scrollWidth") <= PHONE[0]
