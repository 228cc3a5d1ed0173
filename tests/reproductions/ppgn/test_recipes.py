"""The seven recipes: their flags, their files, and each from begin to end with small networks."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from common.flags import as_arguments
from reproductions.ppgn import recipe_pictures, recipes
from reproductions.ppgn.options import parse_caption, parse_class
from tests.leftovers import files_below, pixels, snapshot
from tests.reproductions.ppgn.commands import (
    CAPTIONED,
    NETWORKS,
    PACKAGE,
    SEEN,
    assert_only_warnings,
    call,
    only,
    prepare,
    rows,
)
from tests.scripts import error, words

CAFFENET = "nets/caffenet/bvlc_reference_caffenet.caffemodel nets/caffenet/caffenet.prototxt"
PLACES = (
    "nets/placesCNN/places205CNN_iter_300000.caffemodel"
    " nets/placesCNN/places205CNN_deploy_updated.prototxt"
)
LRCN = "nets/lrcn/lrcn_caffenet_iter_110000.caffemodel nets/caffenet/caffenet.prototxt"

#: Flags of the original: act_layer, xy, n_iters, save_every, reset_every, lr, lr_end, threshold,
#: epsilon1, epsilon2, epsilon3, init_file, net_weights, net_definition; and others.
TABLE = {
    (1, "13"): (
        f"fc8 0 200 5 0 1 1 0 1e-5 1 1e-17 None {CAFFENET}",
        {"units": "13"},
        "output/fc8_chain_13_eps1_1e-5_eps3_1e-17",
    ),
    (2, "1e-3"): (
        f"fc8 0 100 1 0 1 1 0 1e-3 1 1e-17 None {CAFFENET}",
        {"units": "946_629", "write_labels": ""},
        "output/fc8_chain_946_629_eps1_1e-3_eps3_1e-17",
    ),
    (3, "196"): (
        f"conv5 6 1000 10 100 1 1 0.98 1e-5 1 1e-17 None {CAFFENET}",
        {"units": "196"},
        "output/conv5_chain_196_eps1_1e-5_eps3_1e-17",
    ),
    (4, "182"): (
        f"conv5 6 1000 10 100 1 1 0.98 1e-7 1 1e-17 None {PLACES}",
        {"units": "182"},
        "output/conv5_chain_182_eps1_1e-7_eps3_1e-17",
    ),
    (5, "a_pizza"): (
        f"fc8 0 200 0 0 1 1e-10 0 1e-3 1 1e-17 None {LRCN}",
        {
            "sentence": "a_pizza",
            "captioner_definition": "nets/lrcn/lrcn_word_to_preds.deploy.prototxt",
            "batch": "3",
        },
        "output/fc8_eps1_1e-3_eps3_1e-17/a_pizza",
    ),
    (6, "980"): (
        f"fc8 0 200 5 0 0.5 0.5 0 1e-5 1 1e-17 images/volcano.jpg {CAFFENET}",
        {"units": "980"},
        "output/fc8_chain_980_eps1_1e-5_eps3_1e-17",
    ),
    (7, "980"): (
        f"fc8 0 20 0 0 1 1e-32 0 1e-5 1 0 images/volcano.jpg {CAFFENET}",
        {"units": "980", "epsilon4": "1e-9", "batch": "10"},
        "output/fc8_chain_980_eps1_1e-5_eps3_0",
    ),
}
NAMES = words(
    "act_layer xy n_iters save_every reset_every lr lr_end threshold epsilon1 epsilon2 epsilon3"
    " init_file net_weights net_definition"
)
SCRIPTS = {
    1: "1_class_conditional_sampling",
    2: "2_class_conditional_sampling_many",
    3: "3_hidden_conditional_sampling",
    4: "4_hidden_conditional_sampling_placesCNN",
    5: "5_caption_conditional_sampling",
    6: "6_class_conditional_sampling_from_real_image",
    7: "7_inpainting",
}


@pytest.mark.parametrize(("number", "argument"), TABLE)
def test_the_flags_of_the_original(number, argument):
    numbers, more, folder = TABLE[number, argument]
    found = recipes.command(number, argument)
    given = {}
    for word in found:
        name, _, value = word.removeprefix("--").partition("=")
        assert name not in given
        given[name] = value
    wanted = dict(zip(NAMES, numbers.split(), strict=True)) | more
    assert given == wanted | {"seed": "0", "opt_layer": "fc6", "output_dir": folder}
    flags = (parse_caption if number == 5 else parse_class)(found)
    assert flags.lr == float(wanted["lr"]) and flags.preset is None


def test_a_flag_of_the_user_wins():
    found = recipes.command(1, "13", words("--n_iters 7 --epsilon1 1e-3 --lr=2"))
    flags = parse_class(found)
    assert (flags.n_iters, flags.epsilon1, flags.lr) == (7, 1e-3, 2.0)
    assert flags.output_dir == "output/fc8_chain_13_eps1_1e-3_eps3_1e-17"
    assert parse_class(recipes.command(1, "13", ["--output_dir=x"])).output_dir == "x"
    # A beginning of a flag is the flag.
    flags = parse_class(recipes.command(1, "13", words("--act fc7 --unit 5 --out=y")))
    assert (flags.act_layer, flags.units, flags.output_dir) == ("fc7", "5", "y")
    found = recipes.command(1, "13", words("--act fc7 --unit 5"))
    assert parse_class(found).output_dir == "output/fc7_chain_5_eps1_1e-5_eps3_1e-17"
    assert parse_class(recipes.command(7, "980", ["--batch", "2"])).batch == 2


def test_another_network_does_not_get_the_weights_of_the_recipe():
    words = recipes.command(4, "1", ["--net_definition", "my.keras"])
    assert "--net_definition=my.keras" in words
    assert not [word for word in words if word.startswith("--net_weights")]
    words = recipes.command(4, "1", ["--net_definition", "my.prototxt", "--net_weights=a"])
    assert "--net_weights=a" in words
    # The captioner's weights are among those of recipe 5.
    words = recipes.command(5, "a", ["--net_definition", "my.prototxt"])
    assert [word for word in words if word.startswith("--net_weights=nets/lrcn")]


def test_a_sentence_with_blanks():
    assert recipes.command(5, " a  dog barks") == recipes.command(5, "a_dog_barks")


@pytest.mark.parametrize("given", ["--preset quick", "--preset=quick", "--pre quick"])
@pytest.mark.parametrize(("number", "argument"), TABLE)
def test_the_preset(number, argument, given):
    plain, quick = (recipes.command(number, argument, more) for more in ([], words(given)))
    parse = parse_caption if number == 5 else parse_class
    plain, quick = parse(plain), parse(quick)
    changed = {name for name, value in vars(quick).items() if getattr(plain, name) != value}
    assert changed <= {"n_iters", "save_every", "threshold", "weights", "preset"}
    assert (quick.n_iters, quick.weights, quick.threshold) == (20, "random", 0)
    assert quick.save_every == (0 if plain.save_every == 0 else 2)
    more = [*words(given), "--n_iters", "3"]
    assert parse(recipes.command(number, argument, more)).n_iters == 3


@pytest.fixture
def folder(tmp_path, monkeypatch):
    # The originals' sizes do not fit those of the small networks.
    monkeypatch.setattr(recipe_pictures, "FIELD", 5)
    monkeypatch.setattr(recipe_pictures, "OFFSET", 3)
    return prepare(tmp_path, monkeypatch)


@pytest.fixture
def recipe(folder, monkeypatch, capfd):
    """Runs a recipe with small networks; it must end well."""

    def recipe(number, argument, more=""):
        small = CAPTIONED if number == 5 else NETWORKS
        argv = [number, argument, *small, *words(more)]
        ended = call("recipes", argv, monkeypatch, capfd)
        assert_only_warnings(ended)
        return ended

    return recipe


def tiles(sheet, side, columns, rows):
    """Checks the size of a montage."""
    assert sheet.shape == (rows * (side + 2), columns * (side + 2), 3)


FC8 = "fc8_chain_3_hx_1e-5_noise_1e-17__0.jpg"


def test_recipe_1(recipe, folder):
    ended = recipe(1, 3, "--n_iters 60 --save_every 1 --threshold -1 --lr 0.1 --lr_end 0.1")
    out = folder / "output" / "fc8_chain_3_eps1_1e-5_eps3_1e-17"
    assert ended.out.startswith("sampling_class.py --output_dir=output/fc8_chain_3_eps1_1e-5_")
    assert ended.out.endswith(f"Saving images...\n{out / FC8}\n")
    assert len(list(out.glob("samples/*.jpg"))) == 61
    # 40 of them, as the original shows.
    tiles(pixels(out / FC8), SEEN, 10, 4)
    assert (out / "fc8_0003_0060_0.1_h_1e-05_1.0_1e-17_0.0__0.jpg").exists()
    first = pixels(out / FC8)[2 : SEEN - 1, 2 : SEEN - 1].astype(int)
    assert np.abs(first - pixels(out / "samples" / "00000.jpg")[1:-2, 1:-2]).mean() < 30


def test_recipe_2(recipe, folder):
    recipe(2, "1e-3", "--units 3_5 --n_iters 6 --threshold -1")
    out = folder / "output" / "fc8_chain_3_5_eps1_1e-3_eps3_1e-17"
    samples = sorted(out.glob("samples/*.jpg"))
    name = "fc8_chain_3_5_hx_1e-3_noise_1e-17__0.jpg"
    assert len(samples) == 13
    height, width = np.max([pixels(sample).shape[:2] for sample in samples], axis=0)
    sheet = pixels(out / name)
    assert sheet.shape == (2 * (height + 2), 10 * (width + 2), 3) and height > SEEN + 10
    with Image.open(out / f"{name}.gif") as image:
        assert (image.n_frames, image.info["duration"], image.info["loop"]) == (13, 50, 0)


@pytest.mark.parametrize("number", [3, 4])
def test_recipes_3_and_4(recipe, folder, number):
    argv = "--xy 2 --n_iters 34 --save_every 1 --reset_every 5 --threshold -1"
    ended = recipe(number, 3, argv)
    epsilon1 = {3: "1e-5", 4: "1e-7"}[number]
    out = folder / "output" / f"conv5_chain_3_eps1_{epsilon1}_eps3_1e-17"
    samples = sorted(out.glob("samples/*.jpg"))
    assert len(samples) == 35
    assert {pixels(sample).shape for sample in samples} == {(5, 5, 3)}
    sheet = out / f"conv5_chain_3_hx_{epsilon1}_noise_1e-17__0.jpg"
    assert ended.out.endswith(f"{sheet}\n")
    # 30 of the 35.
    tiles(pixels(sheet), 5, 10, 3)
    before = sheet.read_bytes()
    recipe(number, 3, argv)
    assert sheet.read_bytes() == before
    # The last image is whole.
    assert pixels(only(out, "conv5_0003*.jpg")).shape == (SEEN, SEEN, 3)


def test_recipe_5(recipe, folder):
    ended = recipe(5, "a_dog_barks", "--n_iters 2")
    out = folder / "output" / "fc8_eps1_1e-3_eps3_1e-17" / "a_dog_barks"
    assert ended.out.endswith(f"{out / 'a_dog_barks.jpg'}\n")
    finals = sorted(path.name for path in out.glob("fc8_*.jpg"))
    assert finals == [f"fc8_0002_1.0_h_0.001_1.0_1e-17__{seed}.jpg" for seed in range(3)]
    sheet = pixels(out / "a_dog_barks.jpg")
    # Or as wide as the sentence.
    assert sheet.shape[1] >= 3 * (SEEN + 2)
    # The sentence is below.
    assert sheet.shape[0] > SEEN + 2 + 10 and sheet[SEEN + 8 :].min() < 128
    assert not (out / "samples").exists()


def test_recipe_5_with_samples(recipe, folder):
    recipe(5, "a_dog", "--n_iters 2 --save_every 1 --threshold -1 --batch 2")
    out = folder / "output" / "fc8_eps1_1e-3_eps3_1e-17" / "a_dog"
    for seed in range(2):
        tiles(pixels(out / f"a_dog__{seed}.jpg"), SEEN, 3, 1)
    assert pixels(out / "a_dog.jpg").shape[1] == 2 * (SEEN + 2)


def test_recipe_6(recipe, folder):
    ended = recipe(6, 3, "--n_iters 5 --save_every 1 --threshold -1")
    out = folder / "output" / "fc8_chain_3_eps1_1e-5_eps3_1e-17"
    assert ended.err.count("pebbles.png stands in for it") == 1
    assert "Loaded init code:  (1, 8)" in ended.out
    tiles(pixels(out / FC8), SEEN, 6, 1)
    assert (out / "fc8_0003_0005_0.5_h_1e-05_1.0_1e-17_0.0__0.jpg").exists()
    recipe(6, 3, "--n_iters 5 --threshold -1 --init_file a.png")


def test_recipe_7(recipe, folder):
    ended = recipe(7, 3, "--n_iters 2 --patch 5")
    out = folder / "output" / "fc8_chain_3_eps1_1e-5_eps3_0"
    assert ended.out.endswith(f"{out / 'inpainting.jpg'}\n")
    finals = sorted(path.name for path in out.glob("fc8_*.jpg"))
    assert finals == [f"fc8_0003_0002_1.0_h_1e-05_1.0_0.0_1e-09__{s}.jpg" for s in range(10)]
    assert pixels(out / "inpainting.jpg").shape == (2 * (SEEN + 2), 5 * (2 * SEEN + 1 + 2), 3)


def test_no_sample_above_the_threshold(recipe, folder):
    ended = recipe(1, 3, "--n_iters 4 --threshold 1")
    assert "no sample of seed 0 was above the threshold" in ended.err
    assert not list(folder.rglob("fc8_chain*.jpg"))


def test_a_batch_and_a_sweep_of_a_recipe(recipe, folder):
    recipe(1, 3, "--n_iters 5 --threshold -1 --batch 2 --output_dir batch")
    for seed in range(2):
        name = f"fc8_chain_3_hx_1e-5_noise_1e-17__{seed}.jpg"
        tiles(pixels(folder / "batch" / name), SEEN, 2, 1)
    recipe(1, 3, "--n_iters 5 --threshold -1 --sweep epsilon1=1,2 --output_dir sweep")
    assert len(list(folder.glob("sweep/chain_fc8_0003*.jpg"))) == 2


def test_samples_of_an_earlier_run_are_removed_and_nothing_else(recipe, folder):
    recipe(1, 3, "--n_iters 8 --save_every 1 --threshold -1")
    out = folder / "output" / "fc8_chain_3_eps1_1e-5_eps3_1e-17"
    own = {"samples/mine.jpg": 1, "samples/00000.png": 2, "samples/holidays/beach.jpg": 3}
    (out / "samples" / "holidays").mkdir()
    (out / "samples" / "chain").mkdir()
    (out / "samples" / "chain" / "00003.jpg").write_text("of an earlier batch")
    for name, content in own.items():
        (out / name).write_text(str(content))
    recipe(1, 3, "--n_iters 4 --save_every 2 --threshold -1")
    found = {path.relative_to(out).as_posix() for path in out.glob("samples/**/*")}
    wanted = {f"samples/{i:05d}.jpg" for i in (0, 2, 4)}
    assert found == wanted | own.keys() | {"samples/holidays"}
    assert all((out / name).read_text() == str(content) for name, content in own.items())


def test_going_on_with_a_recipe(recipe, folder, monkeypatch, capfd):
    """It is interrupted, goes on with its own name, and makes all pictures of an unbroken one."""
    from reproductions.ppgn.run_folder import RunFolder

    argv = "--xy 2 --n_iters 12 --save_every 2 --reset_every 5 --threshold -1"
    recipe(3, 3, argv)
    (folder / "output").rename(folder / "whole")
    made, note = [], RunFolder.note

    def interrupted(*arguments):
        made.append(note(*arguments))
        if len(made) == 6:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(RunFolder, "note", interrupted)
        ended = call("recipes", ["3", "3", *NETWORKS, *words(argv)], patched, capfd)
    assert ended.status == 130
    run = (
        error(ended).removeprefix("interrupted; recipes.py 3 3 --resume ").removesuffix(" goes on")
    )
    ended = call("recipes", ["3", "3", "--resume", run], monkeypatch, capfd)
    assert_only_warnings(ended)
    pictures = {name for name in files_below(folder / "whole") if name.endswith(".jpg")}
    assert len(pictures) == 9
    for name in pictures:
        assert (folder / "output" / name).read_bytes() == (folder / "whole" / name).read_bytes()
    # Once more changes nothing; cropped samples are not cropped again.
    before = {n: (folder / "output" / n).read_bytes() for n in pictures}
    assert_only_warnings(call("recipes", ["3", "3", "--resume", run], monkeypatch, capfd))
    assert before == {n: (folder / "output" / n).read_bytes() for n in pictures}


def test_a_recipe_with_nothing_at_hand(folder, monkeypatch, capfd):
    monkeypatch.setenv("NO_PROXY", "*")
    before = snapshot(folder)
    ended = call(
        "recipes",
        words(
            "1 3 --net_definition missing.prototxt --weights random"
            " --encoder_definition network.prototxt --generator_definition generator.prototxt"
        ),
        monkeypatch,
        capfd,
    )
    assert ended.status == 1 and "there is no network missing.prototxt" in error(ended)
    assert snapshot(folder) == before


def test_all_recipes_have_a_script():
    assert {number: one.name for number, one in recipes.RECIPES.items()} == SCRIPTS
    found = {path.stem for path in PACKAGE.glob("[0-9]*.sh")}
    assert found == set(SCRIPTS.values())


needs_sh = pytest.mark.skipif(shutil.which("sh") is None, reason="there is no sh")


@needs_sh
@pytest.mark.parametrize("number", SCRIPTS)
def test_shell_scripts(number):
    path = PACKAGE / f"{SCRIPTS[number]}.sh"
    text = path.read_text()
    assert text.startswith("#!/bin/sh\n") and os.access(path, os.X_OK)
    assert f'recipes.py" {number} "$@"' in text
    subprocess.run(["sh", "-n", path], check=True)


@needs_sh
def test_a_shell_script_as_it_is_called(folder):
    path = PACKAGE / f"{SCRIPTS[1]}.sh"
    env = {**os.environ, "PYTHON": sys.executable}
    (folder / "with blanks").mkdir()
    argv = [f"../{word}" if word.endswith(".prototxt") else word for word in NETWORKS]
    argv += words("--n_iters 4 --save_every 1 --threshold -1")
    ended = subprocess.run(
        [path, "3", *argv],
        cwd=folder / "with blanks",
        env=env,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert ended.returncode == 0, ended
    out = folder / "with blanks" / "output" / "fc8_chain_3_eps1_1e-5_eps3_1e-17"
    tiles(pixels(out / FC8), SEEN, 5, 1)
    assert len(rows(only(out, "*.run"))) == 5


def test_words_of_flags_that_are_read_back():
    """What a recipe's own flags say is what its script is given."""
    for number, argument in TABLE:
        flags = recipes.RECIPES[number].flags
        texts = [text.replace("{}", argument) for text in as_arguments(flags, "_")]
        assert set(texts) <= set(recipes.command(number, argument))
