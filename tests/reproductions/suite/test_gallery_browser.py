"""The gallery's page in a browser, without a screen."""

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from reproductions.suite.gallery import write_gallery
from tests.reproductions.suite.gallery_runs import make_run, show_with

_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
_DRIVER = shutil.which("chromedriver")
webdriver = pytest.importorskip("selenium.webdriver")
if not (_CHROMIUM and _DRIVER):
    pytest.skip("needs chromium and chromedriver in PATH", allow_module_level=True)

from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = _CHROMIUM
    for argument in ARGUMENTS:
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('browser')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(executable_path=_DRIVER)
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two papers, four runs, written once for all tests."""
    folder = tmp_path_factory.mktemp("gallery")
    curves = {"loss": [1000 / k for k in range(1, 50)], "accuracy": [0.5, 0.75, 0.9]}
    make_run(folder / "outputs" / "a, # 100% ?", "pebbles", stages=30, age=3, curves=curves)
    make_run(folder / "outputs" / "b", "bricks and mortar", age=2, figures={"error": 0.25})
    make_run(folder / "outputs" / "c", "x" * 200, age=1, command="y" * 500)
    make_run(folder / "results" / "d", "digits", script="train.py", stages=3, size=(28, 28))
    return folder


@pytest.fixture
def page(browser, folder, monkeypatch):
    """The page of these runs, opened; whatever the browser complains of fails the test."""
    path = write(folder, monkeypatch)
    emulate(browser, 1280)
    open_page(browser, path)
    yield browser
    assert complaints(browser) == []


def write(folder: Path, monkeypatch) -> Path:
    for package in ("multiscale", "keras_gan"):
        show_with(monkeypatch, package)
    return write_gallery([folder / "outputs", folder / "results"], folder / "results")


def open_page(browser, path: Path) -> None:
    browser.get_log("performance")
    browser.get(path.resolve().as_uri())
    # On a busy machine the driver may answer before the page is read to its end.
    wait(lambda: browser.execute_script("return document.readyState") == "complete")


def complaints(browser) -> list:
    return browser.get_log("browser")


def emulate(browser, width: int, scheme: str = "light", script: bool = True) -> None:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not script})


def one(browser, selector: str):
    return browser.find_element(By.CSS_SELECTOR, selector)


def titles(browser) -> list[str]:
    """Of the runs that are shown."""
    found = browser.find_elements(By.CSS_SELECTOR, "article:not([hidden]) h3")
    return [element.text for element in found if element.is_displayed()]


def wait(condition: Callable[[], object], seconds: float = 20):
    """Waits until it is so; a test fails where it never is."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "it has not come"
        time.sleep(0.02)
    return value


def loaded(browser) -> set[str]:
    """The thumbnails that the browser has asked for since the page was opened."""
    asked = set()
    for entry in browser.get_log("performance"):
        event = json.loads(entry["message"])["message"]
        if event["method"] == "Network.requestWillBeSent":
            asked.add(event["params"]["request"]["url"])
    return {url for url in asked if "/gallery/" in url}


def test_all_pictures_have_alternative_texts_and_load(page):
    images = page.find_elements(By.CSS_SELECTOR, "main img")
    assert len(images) == 2 * 4 + 2
    for image in images:
        assert image.get_attribute("alt")
        page.execute_script("arguments[0].scrollIntoView()", image)
        wait(lambda: page.execute_script("return arguments[0].naturalWidth > 0", image))  # noqa: B023
        shown = page.execute_script("return arguments[0].getBoundingClientRect().width", image)
        assert shown > 0


def test_slider_shows_the_stages(page):
    growth = one(page, "#multiscale-1 .growth")
    image, caption = one(growth, "img"), one(growth, "output")
    slider, link = one(growth, "input"), one(growth, "a")
    before = image.get_attribute("src"), link.get_attribute("href")
    assert caption.text == "stage029"
    loaded(page)
    slider.send_keys(Keys.ARROW_LEFT)
    assert caption.text == "stage028" == slider.get_attribute("aria-valuetext")
    assert image.get_attribute("src") != before[0]
    assert image.get_attribute("alt") == "Stage of pebbles: stage028"
    assert link.get_attribute("href").endswith("outputs/a%2C%20%23%20100%25%20%3F/stage028.png")
    assert len(loaded(page)) >= 22
    slider.send_keys(Keys.HOME)
    assert caption.text == "stage000"
    wait(lambda: page.execute_script("return arguments[0].naturalWidth > 0", image))
    slider.send_keys(Keys.END)
    assert (image.get_attribute("src"), link.get_attribute("href")) == before
    # With the mouse: the middle of the track.
    slider.click()
    assert caption.text not in ("stage000", "stage029")


def test_play_shows_all_stages_from_the_first_and_can_be_paused(page):
    growth = one(page, "#multiscale-1 .growth")
    button, caption, slider = (one(growth, name) for name in ("button", "output", "input"))
    assert button.accessible_name == "Play how it grew: pebbles"
    button.click()
    assert button.text == "Pause" and button.accessible_name.startswith("Pause")
    assert int(slider.get_property("value")) < 29
    wait(lambda: int(slider.get_property("value")) >= 2)
    button.send_keys(Keys.ENTER)
    paused = caption.text
    assert button.text == "Play"
    time.sleep(0.6)
    assert caption.text == paused != "stage029"
    slider.send_keys(Keys.END, Keys.ARROW_LEFT)
    button.click()
    wait(lambda: button.text == "Play")
    assert caption.text == "stage029"


def test_nothing_moves_by_itself(page):
    captions = [each.text for each in page.find_elements(By.TAG_NAME, "output")]
    time.sleep(0.6)
    assert [each.text for each in page.find_elements(By.TAG_NAME, "output")] == captions


def test_filter(page):
    everything = ["pebbles", "bricks and mortar", "x" * 200, "digits"]
    assert titles(page) == everything
    buttons = {
        each.get_attribute("data-paper"): each
        for each in page.find_elements(By.CSS_SELECTOR, ".filters button")
    }
    assert {name: each.text for name, each in buttons.items()} == {
        "": "all 4",
        "multiscale": "multiscale 3",
        "keras_gan": "keras_gan 1",
    }
    buttons["keras_gan"].click()
    assert titles(page) == ["digits"]
    pressed = [name for name in buttons if buttons[name].get_attribute("aria-pressed") == "true"]
    assert pressed == ["keras_gan"]
    assert not one(page, "section#multiscale").is_displayed()
    assert one(page, "[role=status]").text == "1 of 4 runs shown"
    buttons[""].send_keys(Keys.SPACE)
    assert titles(page) == everything
    assert one(page, "[role=status]").text == ""


def test_search(page):
    search = one(page, "[type=search]")
    search.send_keys("MORTAR bricks")
    assert titles(page) == ["bricks and mortar"]
    assert one(page, "[role=status]").text == "1 of 4 runs shown"
    # Settings are found though they are folded in, and papers by their titles.
    for words, found in (("max_iter 12", 4), ("adversarial", 1), ("nowhere", 0)):
        search.clear()
        search.send_keys(words)
        assert len(titles(page)) == found, words
    assert one(page, ".none").is_displayed()
    one(page, ".none button").click()
    assert len(titles(page)) == 4 and not one(page, ".none").is_displayed()
    assert search.get_property("value") == ""


def test_links_lead_to_files(page, folder):
    links = page.execute_script("return [...document.links].map(link => link.href)")
    assert len(links) > 15
    run = folder / "outputs" / "a, # 100% ?"
    own = page.current_url.partition("#")[0]
    for link in links:
        assert link.startswith("file:///")
        if not link.startswith(own):
            page.get(link)
            # The browser's own page on a folder warns of itself.
            assert [line for line in complaints(page) if line["level"] == "SEVERE"] == [], link
    one_of_them = next(link for link in links if link.endswith("/source.png"))
    page.get(one_of_them)
    assert page.execute_script("return document.images[0].naturalWidth") == 12
    folders = [link for link in links if link.endswith("%3F/")]
    page.get(folders[0])
    assert run.name in page.execute_script("return document.body.textContent")
    complaints(page)


def test_copies_the_command(page):
    command = one(page, "#multiscale-1 .command")
    button = one(command, "button")
    assert button.accessible_name == "Copy the command of pebbles"
    button.click()
    wait(lambda: button.text in ("Copied", "Selected"))
    assert "command is" in one(page, "[role=status]").text
    wait(lambda: button.text == "Copy")


@pytest.mark.parametrize("width", [360, 768, 1280])
@pytest.mark.parametrize("script", [True, False])
def test_nothing_is_wider_than_the_window(page, folder, width, script):
    emulate(page, width, script=script)
    page.refresh()
    if script:
        page.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
    widest = page.execute_script(
        "return Math.max(...[...document.querySelectorAll('body *:not(.skip)')]"
        ".map(element => element.getBoundingClientRect().right))"
    )
    assert widest <= width
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    emulate(page, 1280)


def test_without_javascript_stages_stand_in_a_strip(page):
    emulate(page, 1280, script=False)
    page.refresh()
    strip = one(page, "#multiscale-1 .strip")
    assert len(strip.find_elements(By.TAG_NAME, "img")) == 6 and strip.is_displayed()
    for selector in (".player", ".copy", "nav"):
        assert not one(page, selector).is_displayed()
    assert len(titles(page)) == 4
    emulate(page, 1280)


def contrasts(browser) -> dict[str, float]:
    """The contrast of every visible text with what is behind it; the lowest by element."""
    script = """
        const light = (c) => {
          const [r, g, b] = c.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255)
            .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
          return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const found = {};
        for (const element of document.querySelectorAll("body *:not(script, style, noscript)")) {
          const own = [...element.childNodes].some(n => n.nodeType === 3 && n.data.trim());
          if (!own || !element.checkVisibility()) continue;
          let behind = element;
          while (/, 0\\)$/.test(getComputedStyle(behind).backgroundColor)) {
            behind = behind.parentElement;
          }
          const style = getComputedStyle(element);
          const colour = element.tagName === "text" ? style.fill : style.color;
          const pair = [light(colour), light(getComputedStyle(behind).backgroundColor)];
          const contrast = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
          const name = element.tagName + "." + (element.className.baseVal ?? element.className);
          found[name] = Math.min(found[name] ?? 99, contrast);
        }
        return found;"""
    return browser.execute_script(script)


def test_dark_and_light_can_both_be_read(page):
    backgrounds = []
    for scheme in ("light", "dark"):
        emulate(page, 1280, scheme)
        page.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
        found = contrasts(page)
        assert len(found) > 15
        assert not {name: value for name, value in found.items() if value < 4.5}
        backgrounds.append(
            page.execute_script("return getComputedStyle(document.body).backgroundColor")
        )
    light, dark = (sum(map(int, each[4:-1].split(","))) for each in backgrounds)
    assert light > 600 and dark < 150


def test_every_control_has_a_name_and_can_be_reached_by_keyboard(page):
    named = set()
    for element in page.find_elements(By.CSS_SELECTOR, "button, input, summary, a, svg, nav"):
        if element.is_displayed():
            # What is far away is not laid out, and has no name yet.
            page.execute_script("arguments[0].scrollIntoView()", element)
            assert element.accessible_name, element.get_attribute("outerHTML")
            if element.tag_name in ("button", "input"):
                named.add(element.accessible_name)
    assert len([name for name in named if name.startswith("Stage of")]) == 2
    # The first stop of all is the way past the filters; it is seen when it has the focus.
    page.refresh()
    one(page, "body").send_keys(Keys.TAB)
    skip = page.switch_to.active_element
    assert skip.text == "Skip to the runs" and skip.rect["x"] >= 0
    skip.send_keys(Keys.ENTER)
    assert page.switch_to.active_element.get_attribute("id") == "runs"
    page.switch_to.active_element.send_keys(Keys.TAB)
    focused = page.switch_to.active_element
    assert focused.tag_name == "a"
    assert page.execute_script("return getComputedStyle(arguments[0]).outlineStyle", focused) == (
        "solid"
    )


def test_five_hundred_runs(browser, tmp_path, monkeypatch):
    curves = {"loss": [5 / (k + 1) for k in range(300)]}
    for number in range(500):
        # Each with pictures of its own, or all would be loaded with the first.
        folder = tmp_path / "outputs" / f"{number:03d}"
        if number == 0:
            first = make_run(folder, "run 0", stages=2, curves=curves, size=(200, 150))
            continue
        folder.mkdir()
        for path in first.glob("stage*.png"):
            os.link(path, folder / path.name)
        settings = json.loads((first / "run.json").read_text()) | {"title": f"run {number}"}
        (folder / "run.json").write_text(json.dumps(settings))
    (tmp_path / "results").mkdir()
    path = write(tmp_path, monkeypatch)
    emulate(browser, 1280)
    open_page(browser, path)
    assert browser.execute_script("return document.querySelectorAll('article').length") == 500
    wait(lambda: browser.execute_script("return document.images[0].naturalWidth > 0"))
    time.sleep(0.5)
    assert 3 <= len(loaded(browser)) < 60
    last = one(browser, "article:last-child")
    browser.execute_script("arguments[0].scrollIntoView()", last)
    image = one(last, "img")
    wait(lambda: browser.execute_script("return arguments[0].naturalWidth > 0", image))
    assert len(loaded(browser)) < 60
    one(browser, "[type=search]").send_keys("run 499")
    wait(lambda: one(browser, "[role=status]").text == "1 of 500 runs shown")
    slider = one(browser, "article:not([hidden]) [type=range]")
    slider.send_keys(Keys.ARROW_LEFT)
    assert one(browser, "article:not([hidden]) output").text == "stage000"
    assert complaints(browser) == []
