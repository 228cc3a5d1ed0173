"""What each package shows of a run: folders as the packages name their files."""

import importlib
import json
import os
from pathlib import Path

import pytest

from common.exhibit import Exhibit, numbered, read_columns, read_figures
from reproductions.multiscale.naming import iteration_file, source_file, start_file
from reproductions.ppgn.naming import sample_file

PACKAGES = ("multiscale", "iccv_introspective", "ppgn", "texture_nets", "keras_gan")


@pytest.fixture
def run(tmp_path) -> Path:
    folder = tmp_path / "some.run"
    folder.mkdir()
    return folder


def write(folder: Path, *names: str, text: str = "x") -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def exhibit(package: str, run: Path, **settings) -> Exhibit:
    return importlib.import_module(f"reproductions.{package}.exhibit").exhibit(run, settings)


def shown(pictures) -> list[tuple[str, str]]:
    return [(picture.path.name, picture.caption) for picture in pictures]


@pytest.mark.parametrize("package", PACKAGES)
def test_an_empty_run_has_a_title(run, package):
    found = exhibit(package, run, script="train_generator.py")
    assert found.title
    assert not [*found.sources, *found.growth, *found.results]
    assert all(not curve.x for curve in found.curves)
    assert found.seconds is None and found.figures == {}


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.parametrize("text", ["", "\0\0", "iteration\n1\n", "iteration,seconds\n1,x\n2"])
def test_damaged_tables(run, package, text):
    write(run, "losses.csv", "steps.csv", "report.json", "evaluation.json", text=text)
    found = exhibit(package, run, flags="none", script="train_prior.py", sources=None)
    assert found.seconds is None
    assert exhibit(package, run, flags=[], script="sampling_class.py").seconds is None


def test_multiscale(run):
    write(run, source_file(0), start_file(0), start_file(1), "tiled.png", "sheet.png")
    write(run, *(iteration_file(i, frame) for i in (0, 9, 11) for frame in (0, 1)))
    write(run, "losses.csv", text="iteration,evaluations,loss,seconds\n0,2,9.5,1.5\n1,3,7,2.25\n")
    found = exhibit("multiscale", run, sources=["a/pebbles.png", "b/tomatoes.png"])
    assert found.title == "pebbles and tomatoes, synthesised"
    assert shown(found.sources) == [("source_0.png", "pebbles.png")]
    assert shown(found.growth) == [
        ("Aseed_F0000.png", "the start"),
        ("I0000_F0000.png", "after iteration 1"),
        ("I0009_F0000.png", "after iteration 10"),
        ("I0011_F0000.png", "after iteration 12"),
    ]
    assert shown(found.results) == [
        ("I0011_F0000.png", "result, frame 1"),
        ("I0011_F0001.png", "result, frame 2"),
        ("tiled.png", "result, tiled twice by twice"),
    ]
    [curve] = found.curves
    assert (curve.name, curve.x, curve.y) == ("loss", [1, 2], [9.5, 7])
    assert (found.axis, found.seconds) == ("iteration", 2.25)


def test_multiscale_without_a_source(run):
    assert exhibit("multiscale", run, script="novelty.py").title == "textures of no source"


TABLE = """round,phase,number,steps,first_loss,loss,accuracy,seconds
0,learning,0,4,1.2,0.9,0.5,1
0,learning,1,4,1.2,0.5,0.75,2
0,evaluation,0,1,0.6,0.6,0.5,3
0,synthesis,0,30,4.5,0.6,nan,4
1,learning,0,4,1.2,0.4,0.875,5.5
"""


def test_introspective_learning(run):
    names = ("syn0", "syn1", "syn2", "syn0@round1", "syn1@round1", "syn2@round1", "syn0@round10")
    write(run, "texture.png", *(f"snapshots/{name}.png" for name in names))
    write(run, "losses.csv", text=TABLE)
    found = exhibit("iccv_introspective", run, texture="bricks", flags={"patch_size": 32})
    assert found.title == "bricks, learned"
    assert shown(found.growth) == [
        ("syn0.png", "after round 0"),
        ("syn0@round1.png", "after round 1"),
        ("syn0@round10.png", "after round 10"),
    ]
    assert {picture.border for picture in found.growth} == {16}
    assert shown(found.results) == [("syn0@round10.png", "synthesis 1 after round 10")]
    drawn = {curve.name: (curve.x, curve.y) for curve in found.curves}
    assert drawn["learning loss"] == ([0, 1], [0.5, 0.4])
    assert drawn["learning accuracy"] == ([0, 1], [0.75, 0.875])
    assert drawn["synthesis loss, last step"] == ([0], [0.6])
    assert (found.axis, found.seconds) == ("round", 5.5)


def test_introspective_synthesis(run, tmp_path):
    learned = tmp_path / "learned"
    write(learned, "texture.png")
    write(learned, "run.json", text=json.dumps({"flags": {"patch_size": 16}}))
    write(run, "snapshots/syn0.png", "syntheses/class1_syn0.png", "syntheses/class1_syn1.png")
    found = exhibit("iccv_introspective", run, texture="bricks", learned=str(learned))
    assert found.title == "bricks, new pictures"
    assert [picture.path for picture in found.sources] == [learned / "texture.png"]
    assert [picture.border for picture in found.growth] == [8]
    assert shown(found.results) == [
        ("class1_syn0.png", "synthesis 1"),
        ("class1_syn1.png", "synthesis 2"),
    ]


STEPS = """chain,step,condition,probability
fc8_a,0,3,0.25
fc8_a,10,3,0.5
fc8_b,0,3,0.125
"""


def test_ppgn_chains(run, tmp_path):
    write(run, "steps.csv", text=STEPS)
    write(tmp_path, "fc8_a.jpg", "fc8_b.jpg", "sheet_fc8_a.jpg", "other.jpg")
    write(tmp_path / "samples" / "fc8_a", *(sample_file(i) for i in (0, 10, 20)))
    flags = {"units": "3_8", "act_layer": "fc8", "init_file": str(tmp_path / "other.jpg")}
    found = exhibit("ppgn", run, script="sampling_class.py", flags=flags)
    assert found.title == "classes 3, 8, sampled"
    assert shown(found.sources) == [("other.jpg", "the start: other.jpg")]
    assert shown(found.growth) == [("00000.jpg", "step 0"), ("00010.jpg", "step 10")]
    assert [name for name, _ in shown(found.results)] == [
        *("sheet_fc8_a.jpg", "fc8_a.jpg", "fc8_b.jpg")
    ]
    assert [(curve.x, curve.y) for curve in found.curves] == [
        ([0, 10], [0.25, 0.5]),
        ([0], [0.125]),
    ]


@pytest.mark.parametrize(
    ("flags", "title"),
    [
        ({"units": "196", "act_layer": "conv5"}, "unit of conv5: 196, sampled"),
        ({"units": "13", "act_layer": "fc8"}, "class 13, sampled"),
        ({"units": "13", "act_layer": "fc8", "epsilon4": 0.1}, "class 13, filled in"),
        ({"sentence": "a_red_car"}, "“a red car”"),
    ],
)
def test_ppgn_titles(run, flags, title):
    assert exhibit("ppgn", run, script="sampling_class.py", flags=flags).title == title


def test_ppgn_runs_that_share_samples(run, tmp_path):
    """They are the newest run's."""
    write(run, "steps.csv", text=STEPS.rpartition("fc8_b")[0])
    write(run, "run.json", text="{}")
    write(tmp_path / "samples", sample_file(0), sample_file(10))
    flags = {"units": "3", "act_layer": "fc8", "save_every": 1}
    assert len(exhibit("ppgn", run, script="sampling_class.py", flags=flags).growth) == 2
    flags["save_every"] = 0
    assert not exhibit("ppgn", run, script="sampling_class.py", flags=flags).growth
    flags["save_every"] = 1
    write(tmp_path / "later.run", "run.json")
    os.utime(run / "run.json", (0, 0))
    assert not exhibit("ppgn", run, script="sampling_class.py", flags=flags).growth


def test_ppgn_training(run):
    write(run, "samples/iteration_0000000.png", "samples/iteration_0000020.png")
    write(run, "losses.csv", text="iteration,loss,accuracy,seconds\n20,0.5,0.75,3\n")
    write(run, "report.json", text='{"iterations": 20, "accuracy": 0.75, "text": "x"}')
    found = exhibit("ppgn", run, script="train_classifier.py", flags={"dataset": "digits"})
    assert found.title == "a classifier of digits"
    assert [caption for _, caption in shown(found.growth)] == [
        *("before training", "after iteration 20")
    ]
    assert shown(found.results) == [("iteration_0000020.png", "made after iteration 20")]
    assert [curve.name for curve in found.curves] == ["loss", "accuracy"]
    assert (found.figures, found.seconds) == ({"iterations": 20, "accuracy": 0.75}, 3)


@pytest.mark.parametrize(
    ("flags", "content", "title", "drawn"),
    [
        ({"texture": "a/pebbles.png"}, 0.0, "pebbles, a generator of it", ["loss"]),
        (
            {"style_image": "b/night.jpg"},
            0.5,
            "night, painting in it",
            ["loss", "texture", "content"],
        ),
    ],
)
def test_texture_nets(run, flags, content, title, drawn):
    write(run, "target.png", "train1_2.png", "train1_10.png", "train2_10.png", "samples/1.png")
    # An earlier run in this folder was longer.
    write(run, "train1_400.png", "train1_3.png", "samples/2.png")
    for name in ("train1_3.png", "samples/2.png"):
        os.utime(run / name, (0, 0))
    rows = "".join(f"{number},2,1.5,{content},{number}\n" for number in range(1, 11))
    write(run, "losses.csv", text=f"iteration,loss,texture,content,seconds\n{rows}")
    found = exhibit("texture_nets", run, flags=flags)
    assert found.title == title
    assert [name for name, _ in shown(found.sources)] == ["target.png"]
    assert [name for name, _ in shown(found.growth)] == ["train1_2.png", "train1_10.png"]
    assert [name for name, _ in shown(found.results)] == [
        *("train1_10.png", "train2_10.png", "1.png")
    ]
    assert [curve.name for curve in found.curves] == drawn
    assert found.seconds == 10


def test_keras_gan(run):
    write(run, "data.png", "samples/epoch_0000.png", "samples/epoch_0005.png")
    write(run, "generated/grid.png", "generated/sample_0001.png", "evaluation.png")
    write(run, "losses.csv", text="iteration,discriminator,D(x),seconds\n5,0.5,0.75,1\n")
    write(run, "evaluation.json", text='{"present": 10}')
    flags = {"dataset": "digits", "architecture": "dcgan"}
    found = exhibit("keras_gan", run, flags=flags)
    assert found.title == "digits, generated by a DCGAN"
    assert shown(found.sources) == [("data.png", "pictures of digits")]
    assert shown(found.growth) == [
        ("epoch_0000.png", "before training"),
        ("epoch_0005.png", "after epoch 5"),
    ]
    assert [name for name, _ in shown(found.results)] == [
        *("epoch_0005.png", "grid.png", "evaluation.png")
    ]
    assert [curve.name for curve in found.curves] == ["discriminator", "D(x)"]
    assert found.figures == {"present": 10}


def test_numbers_are_sorted_as_numbers(tmp_path):
    write(tmp_path, "a2.png", "a10.png", "ab.png", "a3.png.tmp")
    assert [number for number, _ in numbered(tmp_path, r"a(\d+)\.png")] == [2, 10]
    assert numbered(tmp_path / "none", r"(\d+)") == []


def test_a_table_ends_where_it_is_broken(tmp_path):
    write(tmp_path, "t.csv", text="a,b\n1,2\n3\n5,6\n")
    assert read_columns(tmp_path / "t.csv") == {"a": ["1"], "b": ["2"]}
    assert read_columns(tmp_path / "none.csv") == {}


def test_figures(tmp_path):
    text = '{"a": 1, "b": "x", "c": NaN, "d": true, "e": 1' + "0" * 400 + "}"
    write(tmp_path, "f.json", text=text)
    found = read_figures(tmp_path / "f.json")
    assert found.keys() == {"a"} and found["a"] == 1
    write(tmp_path, "f.json", text="[1]")
    assert read_figures(tmp_path / "f.json") == {}
