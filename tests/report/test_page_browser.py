"""The page in a browser: nothing missing, nothing too wide, nothing that a tool for accessibility finds."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from affectkit.report.figures import confusion_figure, learning_curves_figure
from affectkit.report.page import Page, Picture, Section, Table, render_page

webdriver = pytest.importorskip("selenium.webdriver", reason="no selenium to drive a browser with")
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")


def axe_source() -> Path | None:
    """The source of axe-core: where the variable says, else that of the package; None where there is none."""
    if os.environ.get("AFFECTKIT_AXE"):
        return Path(os.environ["AFFECTKIT_AXE"])
    package = find_spec("axe_core_python")
    if package is None or package.origin is None:
        return None
    return Path(package.origin).with_name("axe.min.js")


AXE = axe_source()
pytestmark = pytest.mark.skipif(not CHROMIUM or not DRIVER, reason="no chromium with its chromedriver")
_OPTIONS = ("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "hide-scrollbars")
_QUIET = (
    "disable-background-networking",
    "disable-component-update",
    "disable-sync",
    "disable-dev-shm-usage",
)


def write(folder: Path) -> Path:
    """A page with everything that a page can have, wide tables included."""
    import numpy as np

    labels = [f"label number {place}" for place in range(8)]
    pictures = [
        Picture(
            "curves",
            learning_curves_figure({"train": [(0, 2.0), (1, 1.0)]}, {}),
            "The loss falls from 2 to 1.",
        ),
        Picture(
            "confusion", confusion_figure(np.eye(8, dtype=np.int64), labels), "All rows are on the diagonal."
        ),
    ]
    wide = Table("A wide table", ["class", *labels], [[label, *["0.123456789"] * 8] for label in labels])
    page = Page(
        title="affectkit report: a_run_with_a_rather_long_name_that_has_no_place_to_break",
        notice="The data are synthetic.",
        highlights={"test weighted F1": "57.3", "test accuracy": "60.1", "test UAR": "50.0"},
        sections=[
            Section("Results", text="Some text.", pictures=pictures[:1], tables=[wide]),
            Section("More", pictures=pictures[1:], tables=[Table("More", ["a", "b"], [["x", "1"]])]),
        ],
        facts={"data": "/a/rather/long/path/" + "to/data/" * 20, "seed": "0"},
        command="affectkit fit --config recipe:erc_curriculum --data.init_args.root " + "shards/" * 30,
    )
    path = folder / "report.html"
    path.write_text(render_page(page, {one.name: one.png() for one in pictures}), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for name in (*_OPTIONS, *_QUIET):
        options.add_argument(f"--{name}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    given = os.environ.get("AFFECTKIT_REPORT")  # to check a page by hand
    page = Path(given) if given else write(tmp_path_factory.mktemp("page"))
    driver.set_window_size(1280, 900)
    driver.get(page.resolve().as_uri())
    yield driver
    driver.quit()


def test_it_shows_all_figures_without_an_error_and_without_a_network(browser: Any) -> None:
    assert [entry["message"] for entry in browser.get_log("browser")] == []
    widths = browser.execute_script("return [...document.images].map(image => image.naturalWidth)")
    assert len(widths) >= 2 and min(widths) > 100
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    assert asked and all(address.startswith(("file:", "data:")) for address in asked)


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_is_wider_than_the_window(browser: Any, width: int) -> None:
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    inner, needed = browser.execute_script("return [innerWidth, document.documentElement.scrollWidth]")
    assert inner == width and needed <= width
    small = browser.execute_script(
        "return [...document.querySelectorAll('body *')].filter(part => part.textContent.trim()"
        " && parseFloat(getComputedStyle(part).fontSize) < 12).length"
    )
    assert small == 0


def test_the_first_key_leads_to_the_results(browser: Any) -> None:
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_script("document.activeElement.blur()")
    body = browser.find_element("tag name", "body")
    body.send_keys("\ue004")  # the tabulator key
    link = browser.switch_to.active_element
    assert link.text == "Skip to the results" and link.rect["x"] >= 0
    link.send_keys("\ue007")  # the enter key
    assert browser.switch_to.active_element.get_attribute("id") == "main"


@pytest.mark.skipif(AXE is None, reason="no axe-core-python, nor AFFECTKIT_AXE with the path of axe.min.js")
@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing(browser: Any, width: int) -> None:
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    assert AXE is not None
    browser.execute_script(AXE.read_text(encoding="utf-8"))
    found = browser.execute_async_script("axe.run(document).then(arguments[arguments.length - 1])")
    told = {one["id"]: [node["html"][:200] for node in one["nodes"]] for one in found["violations"]}
    assert told == {} and len(found["passes"]) > 20
