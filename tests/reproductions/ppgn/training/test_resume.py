"""Runs that are broken off go on to exactly what an unbroken run makes."""

import json
import os
import signal
import sys

import numpy as np
import pytest

from reproductions.ppgn.training.classifier_run import ClassifierTrainer
from reproductions.ppgn.training.generator_run import GeneratorTrainer
from reproductions.ppgn.training.prior_run import PriorTrainer
from tests.leftovers import assert_same, losses, rows, snapshot, state
from tests.reproductions.ppgn.training.commands import (
    KINDS,
    RESULTS,
    copied,
    copies_of,
    only,
    report,
    results,
    script_of,
    settings,
    start_dying,
    write_pictures,
)
from tests.scripts import finish

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such signals")


#: A state after each iteration, rows after 20 and 23, samples after 10, 20 and 23.
ALWAYS = "--iterations 23 --save_interval 10 --checkpoint_interval 0"
TRAINERS = {
    "train_generator": GeneratorTrainer,
    "train_classifier": ClassifierTrainer,
    "train_prior": PriorTrainer,
}


def slow(*values):
    """What is run by hand: the same as others here, of networks that take longer."""
    return pytest.param(*values, marks=pytest.mark.slow)


def interrupt(monkeypatch, kind, calls):
    """Sends what Ctrl-C sends after the n-th step."""
    trainer, made = TRAINERS[script_of(kind)], []
    inside = trainer.step

    def interrupted(*arguments):
        values = inside(*arguments)
        made.append(1)
        if len(made) == calls:
            os.kill(os.getpid(), signal.SIGINT)
        return values

    monkeypatch.setattr(trainer, "step", interrupted)


@pytest.mark.parametrize(
    ("kind", "calls"),
    [
        slow("classifier", 20),
        ("classifier", 21),
        *(slow(kind, 21) for kind in KINDS[:1] + KINDS[2:]),
    ],
)
def test_control_c(folder, train, script, trained, monkeypatch, kind, calls):
    """The script ends well, with everything saved, and goes on; also between two rows."""
    whole = results(kind, trained(kind, ALWAYS)[0])
    with monkeypatch.context() as patched:
        interrupt(patched, kind, calls)
        ended = train(kind, ALWAYS.replace("_interval 0", "_interval 1000"))
    assert (ended.status, ended.err) == (0, "")
    run = only(folder)
    assert f"interrupted; --resume {run} goes on\n" in ended.out
    assert ended.out.endswith(f"{calls} of 23 iterations are done: {run}\n")
    assert state(run)["iteration"] == report(run)["iterations"] == calls
    ended = script(script_of(kind), f"--resume {run} --checkpoint_interval 0")
    assert (ended.status, ended.err) == (0, "")
    assert_same(results(kind, run), whole)


@pytest.mark.parametrize("kind", ["classifier", slow("generator"), slow("prior_h")])
def test_killed(folder, script, trained, kind):
    """A process of its own, as by `kill -9`, in an iteration; the state is of the one before."""
    ended = finish(start_dying(kind, ALWAYS, folder, 22))
    assert ended.status == -signal.SIGKILL, ended
    run = only(folder)
    assert state(run)["iteration"] == 21
    assert not (run / "report.json").exists()
    assert script(script_of(kind), f"--resume {run}").status == 0
    assert_same(results(kind, run), results(kind, trained(kind, ALWAYS)[0]))


@pytest.mark.parametrize("kind", [slow("classifier"), slow("generator"), slow("prior_h")])
def test_killed_between_two_files(folder, train, script, trained, kind):
    """After each kind of file that is replaced, in the first and in the last iterations."""
    moments = []
    with copies_of(moments):
        assert train(kind, ALWAYS).status == 0
    whole = results(kind, only(folder))
    names = [last for last, _ in moments]
    chosen = {names.index("run.json"), names.index("state.npz"), names.index("row")}
    chosen |= {names.index("report.json"), names.index("report.json") - 1}
    chosen |= {place for place, name in enumerate(names) if name == "iteration_0000020.png"}
    for place in sorted(chosen):
        run = moments[place][1]
        ended = script(script_of(kind), f"--resume {run}")
        assert ended.status == 0
        # If all was trained, there is one line that says so.
        assert ended.err in ("", "warning: all iterations are done; more --iterations go on\n")
        assert_same(results(kind, run), whole)


@pytest.mark.parametrize("kind", ["classifier", slow("generator"), slow("prior_h")])
def test_more_iterations(folder, script, trained, kind):
    run = copied(trained(kind, ALWAYS)[0], folder)
    first = losses(run)
    ended = script(script_of(kind), "--resume latest --iterations 40 --save_interval 5")
    assert (ended.status, ended.err) == (0, "")
    assert state(run)["iteration"] == report(run)["iterations"] == 40
    assert losses(run)[: len(first)] == first
    assert [row["iteration"] for row in rows(run)][-1] == "40"
    saved = settings(run)
    assert (saved["flags"]["iterations"], saved["flags"]["save_interval"]) == (40, 5)
    assert saved["command"].endswith(ALWAYS)
    name = script_of(kind)
    assert saved["resumed"] == [f"{name}.py --resume latest --iterations 40 --save_interval 5"]
    # The generator's rates do not depend on the length of a run; nor then does what it learns.
    if kind == "generator":
        whole, _ = trained(kind, "--iterations 40")
        assert_same(state(run), state(whole))


def test_a_finished_run_stays_as_it_is(folder, script, trained):
    whole, _ = trained("classifier", ALWAYS)
    run = copied(whole, folder)
    ended = script("train_classifier", f"--resume {run.name}")
    assert ended.status == 0
    assert ended.error == "warning: all iterations are done; more --iterations go on"
    assert_same(results("classifier", run), results("classifier", whole))


def test_fewer_iterations(folder, script, trained):
    run = copied(trained("classifier", ALWAYS)[0], folder)
    before = snapshot(run)
    ended = script("train_classifier", f"--resume {run} --iterations 22")
    assert ended.status == 1
    assert ended.error == "error: --iterations must be 23 or more: so many are done"
    assert snapshot(run) == before


def test_from_another_folder(folder, script, trained, monkeypatch):
    """What flags name is found where it was."""
    write_pictures(folder / "pics")
    argv = "--dataset pics --encoder_definition encoder.keras --iterations 1 --batch_size 4"
    assert script("train_prior", argv).status == 0
    run = folder / only(folder)
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    ended = script("train_prior", "--resume", run, "--iterations 2")
    assert (ended.status, ended.err) == (0, "")
    assert state(run)["iteration"] == 2


def test_latest_is_of_the_same_script(folder, script, trained):
    """And the one that was begun last."""
    runs = [copied(trained(kind, ALWAYS)[0], folder) for kind in ("generator", "classifier")]
    newer = copied(runs[1], folder, "zebra")
    for number, run in enumerate((newer, runs[1], runs[0])):
        os.utime(run / "run.json", (number, number))
    ended = script("train_classifier", "--resume latest --iterations 24")
    assert f"the run is in {runs[1]}\n" in ended.out
    expected = f"error: no run of train_prior.py in {RESULTS}"
    assert script("train_prior", "--resume latest").error == expected


CHANGES = {
    "generator": [
        *("--encoder_definition other.keras", "--encoder_pixels tf", "--code_layer fc8"),
        *("--feature_layer conv1", "--image_size 32", "--filters 3", "--dense 4"),
        *("--discriminator_filters 3", "--tell_codes", "--weight_image 1", "--weight_features 1"),
        *("--weight_code 1", "--weight_adversarial 1", "--noise 0.1", "--batch_size 5"),
        *("--learning_rate 0.1", "--discriminator_learning_rate 0.1", "--lr_steps 4"),
        *("--beta1 0.4", "--beta2 0.4", "--weight_decay 0.1", "--dataset mnist", "--images 61"),
        *("--mirror", "--seed 1"),
    ],
    "classifier": ["--image_size 32", "--filters 3", "--code 7", "--batch_size 5", "--seed 1"],
    "prior_h": ["--of x", "--noise 0.2", "--filters 3", "--learning_rate 0.1", "--code_layer fc8"],
}


@pytest.mark.parametrize("kind", CHANGES)
def test_what_cannot_change(folder, script, trained, kind):
    run = copied(trained(kind, ALWAYS)[0], folder)
    before = snapshot(folder)
    allowed = "only --iterations, --save_interval, --checkpoint_interval, --distribute can"
    for change in CHANGES[kind]:
        ended = script(script_of(kind), f"--resume {run} {change}")
        assert ended.status == 2
        expected = f"{change.split()[0]} cannot change in a resumed run; {allowed}"
        assert expected in ended.error
    assert snapshot(folder) == before


def test_other_pictures(folder, script, train):
    write_pictures(folder / "pics")
    argv = "--dataset pics --image_size 8 --filters 2 --iterations 1"
    assert script("train_classifier", argv).status == 0
    run = only(folder)
    (folder / "pics" / "red" / "0.png").unlink()
    before = snapshot(run)
    ended = script("train_classifier", "--resume latest --iterations 2")
    assert ended.status == 1
    expected = f"error: {run} has learned from something else: its data is "
    assert ended.error.startswith(expected)
    assert snapshot(run) == before


def test_another_encoder_of_the_same_name(folder, script, train):
    """Its codes mean something else."""
    import keras

    from reproductions.ppgn.training.classifier import classifier

    assert train("prior_h", "--iterations 1").status == 0
    keras.utils.set_random_seed(1)
    classifier((28, 28, 1), 10, filters=2, code=6).save("encoder.keras")
    ended = script("train_prior", "--resume latest --iterations 2")
    assert ended.status == 1
    assert "has learned from something else" in ended.error


@pytest.mark.parametrize("name", ["nowhere", "empty", "a.txt", "latest", "of another script"])
def test_no_run_to_go_on_with(folder, script, trained, name):
    (folder / "empty").mkdir()
    (folder / "a.txt").write_text("no run")
    expected = f"no run {name} in {RESULTS}"
    if name == "latest":
        expected = f"no run of train_generator.py in {RESULTS}"
    if name == "of another script":
        name = str(copied(trained("classifier", ALWAYS)[0], folder))
        expected = f"{name} is no run of reproductions/ppgn/train_generator.py"
    before = snapshot(folder)
    ended = script("train_generator", "--resume", folder.__class__(name))
    assert ended.status == 1
    assert expected in ended.error
    assert snapshot(folder) == before


def damage(run, change, part):
    """Changes the state in a way that has a name."""
    arrays, path = state(run), run / "state.npz"
    if change in ("empty", "garbage", "cut"):
        content = {"empty": b"", "garbage": b"x" * 999, "cut": path.read_bytes()[:-40]}
        path.write_bytes(content[change])
        return
    name, value = {
        "no iteration": ("iteration", None),
        "an iteration below 0": ("iteration", -1),
        "a half iteration": ("iteration", 8.5),
        "iterations": ("iteration", [8, 8]),
        "no weight": (f"{part}0", None),
        "another shape": (f"{part}0", np.zeros(3)),
        "text": (f"{part}0", np.full(arrays[f"{part}0"].shape, "x")),
        "nan": (f"{part}0", np.full(arrays[f"{part}0"].shape, np.nan)),
    }[change]
    arrays[name] = value
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})


DAMAGES = [
    *("empty", "garbage", "cut", "no iteration", "an iteration below 0", "a half iteration"),
    *("iterations", "no weight", "another shape", "text", "nan"),
]


@pytest.mark.parametrize("kind", ["generator", "classifier", "prior_h"])
def test_a_damaged_state(folder, script, trained, kind):
    """All kinds of damage for one script, some for the others."""
    whole, _ = trained(kind, ALWAYS)
    part = kind.partition("_")[0]
    for number, change in enumerate(DAMAGES if kind == "classifier" else ("cut", "nan")):
        run = copied(whole, folder, f"run{number}")
        damage(run, change, part)
        before = snapshot(run)
        ended = script(script_of(kind), f"--resume {run} --iterations 30")
        assert ended.status == 1
        assert ended.error.startswith(f"error: {run}/state.npz is damaged"), change
        assert snapshot(run) == before


def test_damaged_pauses(folder, script, trained):
    """Who learns next is part of a generator's state."""
    run = copied(trained("generator", ALWAYS)[0], folder)
    arrays = state(run)
    assert {"train_d", "train_g"} <= arrays.keys()
    del arrays["train_d"]
    np.savez(run / "state.npz", **arrays)
    ended = script("train_generator", f"--resume {run} --iterations 30")
    assert ended.status == 1
    assert ended.error.startswith(f"error: {run}/state.npz is damaged")


def test_damaged_settings(folder, script, trained):
    run = copied(trained("classifier", ALWAYS)[0], folder)
    for text in ("", "{", "[]", "\0" * 99, '"run"'):
        (run / "run.json").write_text(text)
        ended = script("train_classifier", f"--resume {run}")
        assert ended.status == 1 and ended.error == f"error: {run}/run.json is damaged"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"script": "other.py"}, 1),
        ({"flags": None}, 1),
        ({"flags": {"iterations": "many"}}, 2),
        ({"flags": {"batch_size": 0}}, 2),
        ({"flags": {"filters": {"x": 1}}}, 2),
        ({"flags": {"more": 1}}, 2),
        ({"data": None}, 1),
        ({"resumed": 1}, 1),
    ],
    ids=str,
)
def test_settings_with_other_values(folder, script, trained, change, status):
    run = copied(trained("classifier", ALWAYS)[0], folder)
    saved = settings(run)
    if isinstance(change.get("flags"), dict):
        change = {"flags": saved["flags"] | change["flags"]}
    (run / "run.json").write_text(json.dumps(saved | change))
    ended = script("train_classifier", f"--resume {run} --iterations 30")
    assert ended.status == status
    assert ended.error.startswith("error: " if status == 1 else "train_classifier.py: error: ")


def test_a_damaged_table(folder, script, trained):
    """Only what it tells is lost, or the script says what is wrong."""
    run = copied(trained("classifier", ALWAYS)[0], folder)
    (run / "losses.csv").write_text("iteration,loss\nx,y\n")
    ended = script("train_classifier", f"--resume {run} --iterations 24")
    assert "Traceback" not in ended.err
    assert ended.status in (0, 1) and ended.err.count("\n") <= 1


def test_a_missing_encoder(folder, script, trained):
    run = copied(trained("prior_h", ALWAYS)[0], folder)
    settings = json.loads((run / "run.json").read_text())
    was = settings["flags"]["encoder_definition"]
    settings["flags"]["encoder_definition"] = "gone.keras"
    (run / "run.json").write_text(json.dumps(settings))
    ended = script("train_prior", f"--resume {run} --iterations 30")
    assert ended.status == 1
    assert "there is no Keras model file" in ended.error
    settings["flags"]["encoder_definition"] = was
    (run / "run.json").write_text(json.dumps(settings))
    assert script("train_prior", f"--resume {run} --iterations 30").status == 0
