"""The original's calls, presets, help, and how flags are written."""

import re

import pytest

from common.errors import UserError
from reproductions.keras_gan.options import (
    MAY_CHANGE,
    PRESETS,
    parse_generation,
    parse_training,
    picture_size,
    sides,
)
from tests.reproductions.keras_gan.commands import PARSERS, script_path
from tests.scripts import finish, start, words

DEFAULTS = {
    "train": {
        "epochs": 13,
        "batch_size": 5,
        "k": 1,
        "save_interval": 5,
        "dataset": None,
        "images": None,
        "image_size": None,
        "color": None,
        "augment": None,
        "architecture": "mlp",
        "filters": 64,
        "discriminator_filters": None,
        "latent": 100,
        "loss": "non-saturating",
        "grow": None,
        "learning_rate": 2e-4,
        "beta1": 0.5,
        "seed": 42,
        "checkpoint_interval": 60.0,
        "results_dir": "results/keras_gan",
        "resume": None,
        "preset": None,
    },
    "generate": {
        "sample_size": 100,
        "interpolate": 0,
        "steps": 10,
        "output_dir": None,
        "run": "latest",
        "results_dir": "results/keras_gan",
        "seed": 42,
    },
    "prep": {"src": "a", "dst": "b", "image_size": "128x128"},
    "evaluate": {
        "samples": 1000,
        "confidence": 0.9,
        "run": "latest",
        "results_dir": "results/keras_gan",
        "seed": 42,
    },
}
NEEDED = {"prep": ["a", "b"]}


@pytest.mark.parametrize("script", PARSERS)
def test_defaults(script):
    assert vars(PARSERS[script](NEEDED.get(script, []))) == DEFAULTS[script]


@pytest.mark.parametrize("script", PARSERS)
def test_help_shows_every_flag_with_its_default(script, capsys):
    with pytest.raises(SystemExit) as ended:
        PARSERS[script](["-h"])
    out, err = capsys.readouterr()
    assert (ended.value.code, err) == (0, "")
    text = " ".join(out.split())
    assert text.startswith(f"usage: {script}.py ")
    for name, value in DEFAULTS[script].items():
        if name in NEEDED.get(script, []) or name in ("src", "dst"):
            assert f" {name} " in text
        else:
            about = re.search(rf" --{name} (?:(?!--).)*\(default: ([^)]*)\)", text)
            assert about[1] == str(value) if about else value is None, name


def test_the_call_of_the_original():
    flags = parse_training(words("--epochs 13 --batch_size 5 --k 1 --save_interval 5"))
    assert vars(flags) == DEFAULTS["train"]


@pytest.mark.parametrize("architecture", PRESETS)
def test_a_preset_is_of_the_architecture(architecture):
    flags = vars(parse_training(words(f"--preset quick --architecture {architecture}")))
    chosen = PRESETS[architecture] | {"preset": "quick", "architecture": architecture}
    assert flags == DEFAULTS["train"] | chosen


def test_what_is_given_beats_the_preset():
    flags = parse_training(words("--epochs 2 --preset quick --dataset mnist --grow newest"))
    assert (flags.epochs, flags.dataset, flags.grow) == (2, "mnist", "newest")
    assert flags.images == PRESETS["mlp"]["images"]


@pytest.mark.parametrize(
    ("argv", "name", "value"),
    [
        ("--grow", "grow", "all"),
        ("--grow --epochs 2", "grow", "all"),
        ("--epochs=7", "epochs", 7),
        ("--image_size 64", "image_size", "64x64"),
        ("--image_size 64X32", "image_size", "64x32"),
        ("--dataset digits", "dataset", "digits"),
        ("--dataset ~/pics", "dataset", "/home/pics"),
        ("--dataset pics", "dataset", "/home/here/pics"),
        ("--results_dir ~/runs", "results_dir", "/home/runs"),
        ("--seed 4294967295", "seed", 2**32 - 1),
        ("--checkpoint_interval 0", "checkpoint_interval", 0.0),
    ],
)
def test_values(argv, name, value, monkeypatch, tmp_path):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path))
    found = getattr(parse_training(words(argv)), name)
    assert found == (value.replace("/home", str(tmp_path)) if isinstance(value, str) else value)


def test_a_size_is_width_by_height():
    assert picture_size("64x32") == "64x32"
    assert sides("64x32") == (32, 64)
    assert sides(None) is None


def test_what_may_change_are_flags():
    assert set(MAY_CHANGE) < set(DEFAULTS["train"])


def test_no_run_to_go_on_with():
    with pytest.raises(UserError, match="no run nowhere in x, and no run folder of that name"):
        parse_training(words("--resume nowhere --results_dir x"))


def test_help_and_mistakes_need_no_tensorflow(tmp_path):
    """All scripts in one process, which also counts the files that they leave."""
    code = f"""
import sys, runpy
for script in {[*PARSERS]!r}:
    for argv in (["-h"], ["--help"], ["--no_such_flag"], ["--seed", "x"]):
        sys.argv = [script + ".py", *argv]
        try:
            runpy.run_path({str(script_path("*"))!r}.replace("*", script), run_name="__main__")
        except SystemExit as ended:
            print(script, ended.code)
slow = {{"tensorflow", "keras", "matplotlib"}}
print("slow imports:", sorted(slow & set(sys.modules)))
"""
    ended = finish(start(["-c", code], tmp_path))
    assert ended.status == 0 and ended.out.endswith("slow imports: []\n"), ended
    codes = [line.split() for line in ended.out.splitlines() if len(line.split()) == 2]
    for script in PARSERS:
        assert [code for name, code in codes if name == script] == ["0", "0", "2", "2"]
    assert ended.err.count("\n") == 2 * len(PARSERS)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("parse", "argv", "reason"),
    [
        (parse_training, "--filters 64", "--architecture mlp has no convolutions"),
        (parse_training, "--preset quick --discriminator_filters 3", "--architecture mlp has no"),
        (parse_generation, "--steps 10", "there are no walks without --interpolate"),
    ],
)
def test_a_flag_without_effect(parse, argv, reason, capsys):
    with pytest.raises(SystemExit) as ended:
        parse(words(argv))
    assert ended.value.code == 2
    assert f"argument {argv.split()[-2]}: {reason}" in capsys.readouterr().err


def test_the_same_flags_where_they_have_one():
    flags = parse_training(words("--architecture dcgan --filters 3 --discriminator_filters 2"))
    assert (flags.filters, flags.discriminator_filters) == (3, 2)
    assert parse_generation(words("--interpolate 1 --steps 3")).steps == 3
