import base64
import hashlib
import json
import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote_to_bytes

import numpy as np
import pytest
from PIL import Image

from common.errors import UserError
from common.exhibit import Curve, Exhibit, Picture
from reproductions.__main__ import main as command
from reproductions.suite.gallery import main, write_gallery
from reproductions.suite.gallery.curves import POINTS, draw_curve
from reproductions.suite.gallery.words import duration, number
from tests.reproductions.suite.gallery_runs import (
    Page,
    exhibit,
    frames_of,
    make_run,
    show_with,
    write_picture,
)

HOSTILE = "<script>alert(1)</script> \"quoted\" 'too' #1 100%&amp; 50% pébbles \u2713"


@pytest.fixture(autouse=True)
def _shown(monkeypatch, tmp_path):
    """Other exhibits than these tests' would need the files that the packages write."""
    for package in ("multiscale", "keras_gan", "ppgn", "texture_nets", "iccv_introspective"):
        show_with(monkeypatch, package)
    monkeypatch.chdir(tmp_path)


def gallery(*folders: Path) -> Page:
    return Page(write_gallery(folders, "results"))


def articles(page: Page) -> list[dict]:
    return page.all("article")


def check(page: Page) -> None:
    """What holds for every page."""
    ids = [e.attributes["id"] for e in page.elements if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    for image in page.all("img"):
        assert image["alt"]
        assert image["loading"] == "lazy" and image["decoding"] == "async"
        with Image.open(page.target(image["src"])) as picture:
            assert picture.size == (int(image["width"]), int(image["height"]))
    for link in page.all("a"):
        if link["href"].startswith("#"):
            assert link["href"][1:] in ids
        else:
            assert page.target(link["href"]).exists(), link["href"]
    for growth in page.all("figure"):
        for name, full, _ in frames_of(growth) if growth["class"] == "growth" else ():
            assert page.target(f"gallery/{name}").is_file()
            assert page.target(growth["data-folder"] + full).is_file()
    levels = [int(e.tag[1]) for e in page.elements if re.fullmatch("h[1-6]", e.tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))
    for element in page.elements:
        for referred in (element.attributes.get("aria-labelledby") or "").split():
            assert referred in ids
        # The policy forbids what stands outside of the page's own style and script.
        assert "style" not in element.attributes
        assert not any(name.startswith("on") for name in element.attributes)
    assert [e.tag for e in page.elements].count("script") == 1


def test_shows_a_run(tmp_path):
    run = make_run(
        tmp_path / "outputs" / "a",
        stages=3,
        curves={"loss": [100, 10, 1]},
        seconds=72.4,
        figures={"error": 0.125},
    )
    page = gallery("outputs")
    check(page)
    assert page.path == Path("results/index.html")
    assert [a["id"] for a in articles(page)] == ["multiscale-1"]
    for shown in (
        "1 run of 1 paper",
        "High-Resolution Multi-Scale Neural Texture Synthesis",
        "1 min 12 s",
        "14 November 2023",
        "python reproductions/multiscale/synthesize.py --preset quick -m 12",
        "max_iter",
        "3.11.7",
        "0.125",
        "loss: from 100 at iteration 1 to 1 at iteration 3",
        "logarithmic scale",
        os.path.join("outputs", "a"),
    ):
        assert shown in page.text, shown
    alts = [image["alt"] for image in page.all("img")]
    assert "Source of pebbles: source" in alts and "Result of pebbles: result" in alts
    links = {page.target(link["href"]).resolve() for link in page.all("a")}
    assert {run, run / "source.png", run / "result.png", run / "stage002.png"} <= links


def test_growth_has_all_frames_and_the_last_one_first_shown(tmp_path):
    make_run(tmp_path / "outputs" / "a", stages=5)
    page = gallery("outputs")
    (growth,) = [f for f in page.all("figure") if f["class"] == "growth"]
    assert [caption for _, _, caption in frames_of(growth)] == [f"stage00{k}" for k in range(5)]
    (slider,) = [i for i in page.all("input") if i["type"] == "range"]
    assert (slider["min"], slider["max"], slider["value"]) == ("0", "4", "4")
    shown = [
        e.attributes["alt"] for e in page.elements if e.tag == "img" and "noscript" not in e.within
    ]
    assert [alt for alt in shown if alt.startswith("Stage")] == ["Stage of pebbles: stage004"]
    # Without JavaScript the stages are shown in a strip.
    assert sum(e.tag == "img" and "noscript" in e.within for e in page.elements) == 5


def test_many_frames_are_thinned_evenly(tmp_path):
    make_run(tmp_path / "outputs" / "a", stages=100)
    page = gallery("outputs")
    (growth,) = [f for f in page.all("figure") if f["class"] == "growth"]
    numbers = [int(caption[5:]) for _, _, caption in frames_of(growth)]
    assert len(numbers) == 24 and (numbers[0], numbers[-1]) == (0, 99)
    steps = {b - a for a, b in pairwise(numbers)}
    assert steps <= {4, 5}
    assert len(list(Path("results/gallery").iterdir())) == 24 + 2


def test_a_result_that_is_the_last_stage_is_shown_once(tmp_path, monkeypatch):
    run = make_run(tmp_path / "outputs" / "a", stages=2)
    last = Picture(run / "stage001.png", "the end")
    stages = [Picture(run / "stage000.png", "the beginning"), last]
    show_with(monkeypatch, "multiscale", lambda *_: Exhibit("a", growth=stages, results=[last]))
    page = gallery("outputs")
    assert not [image for image in page.all("img") if image["alt"].startswith("Result")]
    show_with(monkeypatch, "multiscale", lambda *_: Exhibit("a", growth=[last]))
    alts = [image["alt"] for image in gallery("outputs").all("img")]
    assert alts == ["Result of a: the end"]


def test_hostile_names_are_text(tmp_path):
    folder = tmp_path / "outputs" / "<b> # 100%25 ? , 'x' \"y\" & é\nnext"
    run = make_run(
        folder,
        title=HOSTILE,
        stages=2,
        curves={HOSTILE: [1.0, 2.0]},
        figures={HOSTILE: 1.0},
        flags={HOSTILE: [HOSTILE], "</details>": {"<b>": "</article>"}},
        command=HOSTILE,
        weights=[HOSTILE],
        resumed=[HOSTILE],
        other=HOSTILE,
    )
    for path in run.glob("*.png"):
        path.rename(path.with_name(f"{path.stem} {HOSTILE}.png".replace("/", "")))
    page = gallery("outputs")
    check(page)
    assert page.text.count(HOSTILE) >= 10
    hostile = HOSTILE.replace("/", "")
    (growth,) = [f for f in page.all("figure") if f["class"] == "growth"]
    assert [caption for _, _, caption in frames_of(growth)] == [
        f"stage000 {hostile}",
        f"stage001 {hostile}",
    ]
    assert f"Result of {HOSTILE}: result {hostile}" in [image["alt"] for image in page.all("img")]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems allow no such names")
def test_names_and_settings_that_are_no_text(tmp_path):
    folder = os.fsdecode(os.fsencode(tmp_path / "outputs") + b"/\xff\xfe")
    make_run(Path(folder), other="\ud800")
    page = gallery("outputs")
    links = [link["href"] for link in page.all("a") if "%FF%FE" in link["href"]]
    assert len(links) == 3  # the folder, the source, the result
    assert all(os.path.exists(os.path.join(b"results", unquote_to_bytes(link))) for link in links)


def test_broken_and_vanished_pictures_are_told_and_left_out(tmp_path, monkeypatch, capsys):
    run = make_run(tmp_path / "outputs" / "a", stages=3)
    (run / "stage001.png").write_bytes(b"no picture")
    (run / "source.png").write_bytes((run / "source.png").read_bytes()[:60])

    def with_vanished(run, settings):
        shown = exhibit(run, settings)
        gone = Picture(run / "gone.png", "gone")
        return Exhibit(shown.title, shown.sources, shown.growth, [*shown.results, gone])

    show_with(monkeypatch, "multiscale", with_vanished)
    page = gallery("outputs")
    check(page)
    (growth,) = [f for f in page.all("figure") if f["class"] == "growth"]
    assert [caption for _, _, caption in frames_of(growth)] == ["stage000", "stage002"]
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 3
    for name in ("stage001.png", "source.png", "gone.png"):
        assert sum(name in line for line in told) == 1


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "damaged"),
        ("[1]", "damaged"),
        ("[" * 100000, ""),
        ("{}", "no paper here has a script None"),
        ('{"script": "other.py"}', "no paper here has a script 'other.py'"),
        # Two papers have one; it writes no runs.
        ('{"script": "evaluate.py"}', "'evaluate.py'"),
        ('{"script": "../suite/__init__.py"}', "'../suite/__init__.py'"),
        ('{"script": "options.py"}', "'options.py'"),
        ('{"script": ["train.py"]}', "['train.py']"),
    ],
)
def test_what_is_no_run_is_skipped_with_a_line(tmp_path, capsys, content, told):
    make_run(tmp_path / "outputs" / "good")
    (tmp_path / "outputs" / "bad").mkdir()
    (tmp_path / "outputs" / "bad" / "run.json").write_text(content)
    assert main([]) == 0
    printed = capsys.readouterr()
    (line,) = printed.err.splitlines()
    assert "bad is not shown: " in line and told in line
    assert printed.out.startswith("1 run (multiscale 1): results")


@pytest.mark.parametrize("error", [UserError("its table\nis damaged"), KeyError("title")])
def test_a_run_that_its_package_cannot_show_is_shown_plainly(tmp_path, monkeypatch, capsys, error):
    make_run(tmp_path / "outputs" / "a, b")

    def fails(run, settings):
        raise error

    show_with(monkeypatch, "multiscale", fails)
    page = gallery("outputs")
    check(page)
    assert not page.all("img")
    assert "a, b" in page.text and "max_iter" in page.text
    (line,) = capsys.readouterr().err.splitlines()
    assert "only the settings are shown" in line


def test_a_package_without_exhibits_is_shown_plainly(tmp_path, monkeypatch, capsys):
    make_run(tmp_path / "outputs" / "a")
    monkeypatch.setitem(sys.modules, "reproductions.multiscale.exhibit", None)
    check(gallery("outputs"))
    assert "ModuleNotFoundError" in capsys.readouterr().err


@pytest.mark.parametrize(
    "settings",
    [
        {"flags": None, "versions": 3, "weights": 1.5, "command": ["x"], "resumed": "no list"},
        {"flags": {"a": float("nan"), "b": [[1, {"c": None}]]}, "weights": ["one", "two"]},
        {"flags": {"long": "x" * 10000}},
    ],
)
def test_odd_settings_are_shown_as_they_are(tmp_path, settings):
    make_run(tmp_path / "outputs" / "a", **settings)
    page = gallery("outputs")
    check(page)
    assert len(articles(page)) == 1 and "x" * 1000 not in page.text


def test_no_runs(tmp_path, capsys):
    assert main([]) == 0
    out = capsys.readouterr().out
    assert "no runs yet" in out and "make demo" in out
    page = Page(Path("results/index.html"))
    check(page)
    assert "make demo" in page.text and not articles(page)


def test_searches_the_folders_where_scripts_put_runs(tmp_path, capsys):
    for folder in ("results/a", "outputs/b/c", "output/d", "data/out", "elsewhere/e"):
        make_run(tmp_path / folder, script="train.py" if folder == "data/out" else "synthesize.py")
    assert main(["--output", "page"]) == 0
    assert "4 runs (multiscale 3, keras_gan 1): page/index.html" in capsys.readouterr().out
    assert main(["elsewhere", "elsewhere/e", "--output", "page"]) == 0
    assert "1 run (multiscale 1)" in capsys.readouterr().out


def test_newest_first_within_a_paper(tmp_path):
    for age, name in enumerate(("old", "middle", "new")):
        make_run(tmp_path / "outputs" / name, title=name, age=age)
    make_run(tmp_path / "outputs" / "gan", title="digits", script="train.py")
    page = gallery("outputs")
    check(page)
    titles = re.findall(r"<h3[^>]*>(.*?)</h3>", page.source)
    assert titles == ["new", "middle", "old", "digits"]
    assert [s["id"] for s in page.all("section")] == ["multiscale", "keras_gan"]


def test_second_writing_keeps_thumbnails_and_removes_others(tmp_path):
    run = make_run(tmp_path / "outputs" / "a", stages=3)
    gallery("outputs")
    thumbnails = Path("results/gallery")
    (thumbnails / "mine.txt").write_text("not a thumbnail")
    first = {path.name: path.stat().st_mtime_ns for path in thumbnails.iterdir()}
    write_picture(run / "result.png", (20, 20), 7)
    (run / "stage001.png").unlink()
    check(gallery("outputs"))
    second = {path.name: path.stat().st_mtime_ns for path in thumbnails.iterdir()}
    kept = first.keys() & second.keys()
    assert len(kept) == 4 and all(first[name] == second[name] for name in kept)
    assert "mine.txt" in kept and len(second) == 5


def test_thumbnails(tmp_path):
    run = make_run(tmp_path / "outputs" / "a")
    for size, name in (((28, 28), "sources"), ((2000, 100), "result2"), ((200, 150), "result3")):
        write_picture(run / f"{name}.png", size)
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime")]
    frames[0].save(run / "result4.gif", save_all=True, append_images=frames[1:])
    page = gallery("outputs")
    check(page)
    sizes = {i["alt"].split(": ")[1]: (i["width"], i["height"]) for i in page.all("img")}
    assert sizes["sources"] == ("308", "308")
    assert sizes["result2"] == ("320", "16")
    assert sizes["result3"] == ("200", "150")
    (animation,) = [i for i in page.all("img") if i["alt"].endswith("result4")]
    with Image.open(page.target(animation["src"])) as picture:
        assert picture.convert("RGB").getpixel((5, 5)) == (0, 255, 0)


def test_page_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    make_run(tmp_path / "outputs" / "a")
    page = gallery("outputs").path
    before = page.read_bytes()
    make_run(tmp_path / "outputs" / "b")

    def broken(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", broken)
    with pytest.raises(KeyboardInterrupt):
        main([])
    assert page.read_bytes() == before
    assert not [p for p in Path("results").rglob("*") if p.name.startswith(".")]


def test_users_mistakes_are_told_in_a_line(tmp_path, capsys):
    assert command(["gallery", "missing"]) == 1
    assert capsys.readouterr().err == "error: no such folder: missing\n"
    Path("file").write_text("")
    assert command(["gallery", "--output", "file"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: cannot write to the folder")
    with pytest.raises(SystemExit) as ended:
        main(["--outputs"])
    assert ended.value.code == 2


def test_policy_allows_the_pages_own_style_and_script_only(tmp_path):
    page = gallery()
    (policy,) = [m["content"] for m in page.all("meta") if "http-equiv" in m]
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy
    for tag in ("style", "script"):
        (text,) = re.findall(f"<{tag}>(.*?)</{tag}>", page.source, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not re.search(r"https?:|@import|url\(", page.source)


def test_five_hundred_runs(tmp_path, monkeypatch):
    losses = {name: [5 / (k + 1) for k in range(300)] for name in ("discriminator", "generator")}
    first = make_run(tmp_path / "outputs" / "0", stages=24, curves=losses)
    for k in range(1, 500):
        folder = tmp_path / "outputs" / str(k)
        folder.mkdir()
        os.link(first / "run.json", folder / "run.json")
    # All show the pictures of one, or most of the time would go into thumbnails.
    show_with(monkeypatch, "multiscale", lambda run, settings: exhibit(first, settings))
    page = gallery("outputs")
    assert page.path.stat().st_size < 5e6
    assert len(articles(page)) == 500 and len(page.all("svg")) == 1000
    growths = [f for f in page.all("figure") if f["class"] == "growth"]
    assert len(growths) == 500 and all(len(frames_of(growth)) == 24 for growth in growths)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (0, "0"),
        (12345, "12,345"),
        (123456.7, "123,457"),
        (17.963, "17.96"),
        (9999.7, "10,000"),
        (0.0001348, "1.35e\N{MINUS SIGN}4"),
        (-0.5, "\N{MINUS SIGN}0.5"),
        (1e30, "1e30"),
        (float("nan"), "not a number"),
        (-float("inf"), "\N{MINUS SIGN}infinity"),
    ],
)
def test_numbers_in_words(value, told):
    assert number(value) == told


def test_times_in_words():
    told = [duration(seconds) for seconds in (0.04, 9.96, 59.6, 72, 3599.7, 7500, 90000)]
    assert told == ["0.0 s", "10 s", "1 min 0 s", "1 min 12 s", "1 h 0 min", "2 h 5 min", "1 d 1 h"]


def test_curve_keeps_peaks_and_tells_its_course():
    y = [1.0] * 10000
    y[5000], y[6000] = 3.0, float("nan")
    drawn = draw_curve(Curve("loss <1>", range(10000), y), "step")
    assert "loss &lt;1&gt;: from 1 at step 0 to 1 at step 9,999; lowest 1, highest 3" in drawn
    assert "1 values that are no numbers are left out" in drawn
    (path,) = re.findall(r'class="line" d="M(.*?)"', drawn)
    x, rest = path.split("l")
    steps = [int(v) for v in re.findall(r"-?\d+", rest)]
    assert len(steps) // 2 < POINTS
    heights = np.cumsum([int(x.split()[1]), *steps[1::2]])
    assert heights.min() == 8 and heights[-1] == 126
    assert sum(steps[::2]) == 296 - 66


def test_rounding_is_no_course():
    drawn = draw_curve(Curve("p", range(3), [1.0, 1.0 - 1e-7, 1.0]), "step")
    (path,) = re.findall(r'class="line" d="M(.*?)"', drawn)
    assert {int(height) for height in re.findall(r"\d+ (-?\d+)", path)} == {0, 67}


@pytest.mark.parametrize("y", [[], [float("nan")]])
def test_a_curve_without_numbers_is_not_drawn(y):
    assert draw_curve(Curve("loss", range(5), y), "step") == ""


@pytest.mark.parametrize("y", [[2.0], [3.0, 3.0], [-1e308, 1e308], [0, 5e-324], [1e-300, 1e300]])
def test_extreme_curves_stay_in_the_drawing(y):
    drawn = draw_curve(Curve("loss", range(len(y)), y), "step")
    (path,) = re.findall(r'class="line" d="M(.*?)"', drawn)
    x, height = map(int, re.match(r"(\d+) (\d+)", path).groups())
    assert 58 <= x <= 296 and 8 <= height <= 126


def test_needs_neither_tensorflow_nor_anything_at_import(tmp_path):
    make_run(tmp_path / "outputs" / "a", script="train.py")
    code = (
        "import sys; before = set(sys.modules)\n"
        "import reproductions.suite.gallery as gallery\n"
        "heavy = {'numpy', 'PIL', 'tqdm', 'absl', 'argparse', 'html', 'json'}\n"
        "assert not heavy & (set(sys.modules) - before)\n"
        "assert gallery.main([]) == 0\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)\n"
    )
    root = Path(__file__).parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=tmp_path)
    assert json.loads((tmp_path / "outputs/a/run.json").read_text())["script"] == "train.py"


def test_help_tells_where_runs_are_looked_for(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["-h"])
    assert ended.value.code == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "those of results, outputs, output, data/out that" in told and "None" not in told
