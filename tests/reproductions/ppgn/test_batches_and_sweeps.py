"""Many chains at once are what single ones are, and stand in a sheet."""

import numpy as np
import pytest
from PIL import Image

from reproductions.ppgn import outcome
from reproductions.ppgn.options import parse_class
from reproductions.ppgn.plan import captions, columns, schedules
from tests.leftovers import files_below, pixels
from tests.reproductions.ppgn.commands import (
    CAPTIONED,
    SEEN,
    SMALL,
    assert_only_warnings,
    call,
    only,
    prepare,
    rows,
)
from tests.scripts import words


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    return prepare(tmp_path, monkeypatch)


@pytest.fixture
def run(folder, monkeypatch, capfd):
    """Runs a script into a folder; gives the numbers of its steps by chain."""

    def run(to, argv, script="sampling_class"):
        flags = SMALL if script == "sampling_class" else CAPTIONED
        argv = [*flags, *words(argv), "--output_dir", to]
        assert_only_warnings(call(script, argv, monkeypatch, capfd))
        table = {}
        for row in rows(only(folder, f"{to}/*.run")):
            step = (row["step"], row["condition"], row["best_unit"])
            numbers = [float(row[name]) for name in ("probability", "norm_d_condition")]
            table.setdefault(row["chain"], []).append((step, numbers))
        return table

    return run


def assert_close(one, other, steps):
    """Checks that two chains are the same up to rounding, which grows from step to step."""
    assert len(one) == len(other) == steps
    assert [step[:2] for step, _ in one] == [step[:2] for step, _ in other]
    numbers, others = (np.array([row[1] for row in chain]) for chain in (one, other))
    np.testing.assert_allclose(numbers[:2], others[:2], rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(numbers, others, rtol=0.02, atol=1e-3)


def assert_close_pictures(folder, one, other):
    """Checks that the pictures of a name are nearly the same."""
    one, other = (pixels(folder / path).astype(int) for path in (one, other))
    assert one.shape == other.shape
    assert np.abs(one - other).mean() < 3


STEPS = "--n_iters 5 --save_every 2 "


@pytest.mark.parametrize(
    ("kind", "argv", "script"),
    [
        ("class", "--units 3 --reset_every 3", "sampling_class"),
        ("hidden", "--units 3_4 --act_layer conv5 --xy 2", "sampling_class"),
        (
            "inpainting",
            "--units 3 --init_file a.png --epsilon4 1e-2 --epsilon3 0 --patch 5",
            "sampling_class",
        ),
        ("sentence", "--sentence a_dog --lr 0.1", "sampling_caption"),
    ],
)
def test_a_batch_is_single_runs_with_seeds_in_a_row(folder, run, kind, argv, script):
    argv = STEPS + argv
    together = run("batch", f"{argv} --seed 4 --batch 3", script)
    assert len(together) == 3
    steps = 11 if kind == "hidden" else 6
    for number, (name, chain) in enumerate(together.items()):
        alone = run(f"single{number}", f"{argv} --seed {4 + number}", script)
        assert list(alone) == [name]
        assert_close(chain, alone[name], steps)
        assert_close_pictures(folder, f"batch/{name}.jpg", f"single{number}/{name}.jpg")
        made = files_below(folder / "batch" / "samples" / name)
        assert made == files_below(folder / f"single{number}" / "samples")
        assert made == {f"{i:05d}.jpg" for i in range(0, steps, 2)}
        for sample in made:
            path = f"batch/samples/{name}/{sample}"
            assert_close_pictures(folder, path, f"single{number}/samples/{sample}")
    assert {path.name for path in (folder / "batch" / "samples").iterdir()} == set(together)


def test_fewer_chains_in_a_call(run):
    tables = [
        run(f"at{n}", f"{STEPS} --units 3 --batch 5 --chains_per_call {n}") for n in (1, 2, 9)
    ]
    for table in tables[1:]:
        assert table.keys() == tables[0].keys()
        for name, chain in table.items():
            assert_close(chain, tables[0][name], 6)


def test_units_at_once(folder, run):
    together = run("units", f"{STEPS} --units 3_5_1 --batch_units --seed 2")
    assert [name[:8] for name in together] == ["fc8_0003", "fc8_0005", "fc8_0001"]
    for name, chain in together.items():
        unit = int(name[4:8])
        assert {step[1] for step, _ in chain} == {str(unit)}
        alone = run(f"unit{unit}", f"{STEPS} --units {unit} --seed 2")
        assert_close(chain, alone[name], 6)
    assert len(run("both", f"{STEPS} --units 3_5 --batch_units --batch 2")) == 4


def test_a_sweep_is_single_runs(folder, run):
    together = run("sweep", f"{STEPS} --units 3 --sweep epsilon1=1e-5,1 lr=0.1,0.2,0.3")
    assert len(together) == 6
    for number, (epsilon1, lr) in enumerate(
        (epsilon1, lr) for epsilon1 in ("1e-5", "1") for lr in ("0.1", "0.2", "0.3")
    ):
        alone = run(f"at{number}", f"{STEPS} --units 3 --epsilon1 {epsilon1} --lr {lr}")
        [name] = alone
        assert name == list(together)[number]
        assert_close(together[name], alone[name], 6)


@pytest.mark.parametrize(
    ("argv", "chains", "width", "height"),
    [
        ("--batch 3", 3, 3, 1),
        ("--batch 12", 12, 10, 2),
        ("--sweep epsilon1=1,2,3", 3, 3, 1),
        ("--sweep epsilon1=1,2,3 epsilon3=0,1", 6, 2, 3),
        ("--sweep lr=1,2 --batch 3", 6, 2, 3),
    ],
)
def test_the_sheet(folder, run, monkeypatch, argv, chains, width, height):
    written = {}
    monkeypatch.setattr(
        outcome, "save_jpeg", lambda image, path, **more: written.update({str(path): image})
    )
    table = run("out", f"--n_iters 3 --units 3 --save_every 0 {argv}")
    assert len(table) == chains
    sheet = written.pop(f"out/sheet_{next(iter(table))}.jpg")
    assert len({image.tobytes() for image in written.values()}) == chains == len(written)
    cell = sheet.shape[0] // height, sheet.shape[1] // width
    assert sheet.shape[:2] == (height * cell[0], width * cell[1])
    # Small pictures are enlarged to about a hundred pixels.
    times = 112 // SEEN
    side = times * SEEN
    large = {
        file: image.repeat(times, axis=0).repeat(times, axis=1) for file, image in written.items()
    }
    assert times > 1 and cell[0] > side + 12 and cell[1] >= side + 2
    # Row by row, in the order of the chains.
    for number, name in enumerate(table):
        row, column = divmod(number, width)
        own = sheet[row * cell[0] : (row + 1) * cell[0], column * cell[1] : (column + 1) * cell[1]]
        # Just below the border; a label may be wider than its picture.
        top = own[1 : 1 + side]
        found = [
            file
            for file, image in large.items()
            for left in range(1, cell[1] - side)
            if (top[:, left : left + side] == image).all()
        ]
        assert found == [f"out/{name}.jpg"]
        below = own[side + 5 : -2]
        assert below.min() < 128 and np.median(below) > 200
    for number in range(chains, width * height):
        row, column = divmod(number, width)
        assert (sheet[row * cell[0] :, column * cell[1] : (column + 1) * cell[1]] == 255).all()


def test_one_chain_has_no_sheet(folder, run):
    run("out", "--n_iters 1 --units 3 --sweep epsilon1=2")
    assert not list(folder.glob("out/sheet*"))
    assert (folder / "out" / "samples" / "00000.jpg").exists()


def plan_of(argv):
    flags = parse_class(["--units=3", *words(argv)])
    return flags, schedules(flags, [[3]])


def test_the_order_of_a_sweep():
    flags, plans = plan_of("--sweep lr=1,2 epsilon2=3,4,5 --seed 7 --batch 2 --epsilon4 0")
    assert columns(flags) == 3
    found = [(plan.seed, plan.lr, plan.epsilons.condition) for plan in plans]
    assert found == [(seed, lr, e) for seed in (7, 8) for lr in (1, 2) for e in (3, 4, 5)]
    assert {plan.lr_end - plan.lr for plan in plans} == {0}
    assert columns(plan_of("--batch 3")[0]) == 10


def test_an_end_that_was_given_stays_in_a_sweep():
    _, plans = plan_of("--sweep lr=1,2 --lr_end 0.5")
    assert [(plan.lr, plan.lr_end) for plan in plans] == [(1, 0.5), (2, 0.5)]


def test_what_tells_chains_apart():
    assert captions(*plan_of("--sweep epsilon1=1e-5,1 lr=1,2"))[1] == "eps1 1e-05, lr 2"
    assert captions(*plan_of("--sweep epsilon1=1e-5,1 --batch 2")) == [
        "eps1 1e-05, seed 0",
        "eps1 1, seed 0",
        "eps1 1e-05, seed 1",
        "eps1 1, seed 1",
    ]
    assert captions(*plan_of("--batch 2")) == ["seed 0", "seed 1"]
    assert captions(*plan_of("--seed 4")) == ["seed 4"]
    flags = parse_class(["--units=3_5", "--batch_units"])
    assert captions(flags, schedules(flags, [[3], [5]])) == ["unit 3", "unit 5"]
    flags.batch = 2
    assert captions(flags, schedules(flags, [[3], [5]])) == [
        "unit 3, seed 0",
        "unit 3, seed 1",
        "unit 5, seed 0",
        "unit 5, seed 1",
    ]


def test_animations_of_each_chain(folder, run):
    table = run("out", "--n_iters 2 --units 3 --batch 2 --gif")
    for name in table:
        with Image.open(folder / "out" / f"{name}.gif") as image:
            assert image.n_frames == 3
