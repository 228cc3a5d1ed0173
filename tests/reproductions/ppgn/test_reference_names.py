"""File names, words, and all that the scripts print, against the original's.

The scripts run as a whole; only what the networks say is replaced by the record.
"""

import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.errors import UserError
from reproductions.ppgn import run_folder, sampling_run
from reproductions.ppgn.naming import caption_stem, class_stem, final_file, sample_file
from reproductions.ppgn.networks import suite_name
from reproductions.ppgn.options import parse_caption, parse_class
from reproductions.ppgn.pixels import to_bytes
from reproductions.ppgn.plan import schedules
from reproductions.ppgn.recipes import RECIPES, command
from reproductions.ppgn.step import Terms
from reproductions.ppgn.words import MISC, VOCABULARY, convert_words_into_numbers
from tests.reproductions.ppgn.references import (
    CAPTION,
    OF_PICTURES,
    RUNS,
    flags_of,
    need_picture,
    read_json,
    rows,
    texts,
)

UTIL = read_json("util")
NUMBERS = {"run1": 1, "run2": 2, "run3": 3, "run4": 4, "run5": 5, "run6": 6, "run7s0": 7}


@pytest.mark.parametrize("title", [title for title in UTIL["file_names"] if title[0].isdigit()])
def test_final_file(title, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name, argument, *_ = title.split()
    number = int(title[0])
    assert RECIPES[number].name == Path(name).stem
    if number == 5:
        flags = parse_caption(command(5, argument))
        plans, stem = schedules(flags, [[argument]]), caption_stem
    else:
        flags = parse_class(command(number, argument))
        units = [int(unit) for unit in flags.units.split("_")]
        plans, stem = schedules(flags, [units]), class_stem
    wanted = UTIL["file_names"][title]
    # The original ran its seeds one after the other, here they are chains of one run.
    seeds = {5: 3, 7: 10}.get(number, 1)
    assert f"(seeds 0..{seeds - 1})" in title or seeds == 1
    found = [final_file(flags.output_dir, stem(flags.act_layer, plan)) for plan in plans]
    assert found == [wanted.replace("__0.jpg", f"__{seed}.jpg") for seed in range(seeds)]


def test_sample_file():
    found = f"OUTPUT_DIR/samples/{sample_file(15)}"
    assert found == UTIL["file_names"]["intermediate sample of iteration 15"]


@pytest.mark.parametrize("run", NUMBERS)
def test_recipe_gives_the_flags_of_the_run(run, tmp_path, monkeypatch):
    """But for those that the run changed to be short, and the seeds."""
    monkeypatch.chdir(tmp_path)
    number, argv = NUMBERS[run], texts(run)["argv"]
    argument = {2: "1e-5", 5: flags_of(CAPTION).sentence}.get(number) or str(rows(run)["unit"][0])
    changed = ("n_iters", "save_every", "reset_every") if number in (3, 4) else ("n_iters",)
    words = command(number, argument)
    parse = parse_caption if number == 5 else parse_class
    found, wanted = vars(parse(words)), vars(parse(argv))
    differing = {name for name in wanted if found[name] != wanted[name]}
    assert differing == {*changed, *(("batch",) if number in (5, 7) else ())}
    # As the original wrote them, 1e-5 and not 1e-05: folders are called so.
    assert shlex.join(argv).count(found["output_dir"]) == 1


@pytest.mark.parametrize("sentence", UTIL["convert_words_into_numbers"])
def test_sentence(sentence):
    wanted = UTIL["convert_words_into_numbers"][sentence]
    assert convert_words_into_numbers(MISC / VOCABULARY, sentence.split("_")) == wanted


def test_unknown_word():
    """A ValueError of Python in the original; here a message that names the word."""
    word = UTIL["convert_unknown_word"].split("'")[1]
    with pytest.raises(UserError, match=word):
        convert_words_into_numbers(MISC / VOCABULARY, ["a", word])


def test_vocabulary():
    lines, wanted = (MISC / VOCABULARY).read_text().splitlines(), UTIL["vocabulary"]
    assert len(lines) == wanted["lines"]
    assert lines[: len(wanted["first"])] == wanted["first"]
    assert len(lines) - len(set(lines)) == wanted["duplicates"]
    found = convert_words_into_numbers(MISC / VOCABULARY, ["<unk>"])
    assert found == [wanted["index_of_unk"], 0]


class Loaded:
    """Stands for `Loader`: gives the networks that there are."""

    def __init__(self, networks):
        self._networks, self.used = networks, []

    def load(self, definition, weights):
        return self._networks[suite_name(definition)]

    def load_captioner(self, definition, weights, steps):
        return self._networks[suite_name(definition)]


def replay(run):
    """A class that stands for `Networks` and says what the original's said."""
    wanted, random = rows(run), np.random.RandomState(60)

    class Replay:
        code_size, image_size = 4096, (227, 227)
        images = random.uniform(-150, 150, (len(wanted["h_in"]), 227, 227, 3)).astype(np.float32)

        def __init__(self, *networks, **options):
            self._row = 0

        def __call__(self, h, units, context=None):
            row = slice(self._row, self._row + 1)
            self._row += 1
            # Of an image's code, that which is the encoder's here.
            np.testing.assert_allclose(h, wanted["h_in"][row], atol=1e-4, rtol=0)
            found = {name: value[row] for name, value in wanted.items() if value.ndim}
            nothing = np.zeros(1)
            return Terms(
                (found["h_in"] + found["d_prior"]).astype(np.float32),
                found["d_condition"],
                found.get("d_context"),
                self.images[row],
                found["prob"].astype(np.float32),
                found.get("best_unit", nothing),
                found.get("best_unit_prob", nothing),
            )

    return Replay


@pytest.fixture
def script(encoder, places, golden_generator, captioner, tmp_path, monkeypatch):
    """Runs a script with a run's command line, in an empty folder."""
    networks = {"caffenet": encoder, "placescnn": places}
    networks |= {"generator": golden_generator, "lrcn": captioner}

    def run_script(run):
        monkeypatch.chdir(tmp_path)
        labels, draw = [], run_folder.with_label
        images = replay(run)
        monkeypatch.setattr(sampling_run, "Networks", images)

        def with_label(pixels, label, *more):
            labels.append(label)
            return draw(pixels, label, *more)

        monkeypatch.setattr(run_folder, "with_label", with_label)
        script = sampling_run.sample_captions if run == CAPTION else sampling_run.sample_classes
        [result] = script(flags_of(run), Loaded(networks))
        return result, labels, images.images

    return run_script


@pytest.mark.parametrize("run", [*RUNS, CAPTION])
def test_script(run, script, capsys):
    if run in OF_PICTURES:
        need_picture()
    result, labels, images = script(run)
    text = texts(run)
    printed = capsys.readouterr().out.splitlines()

    steps = [line for line in printed if line.startswith("step: ")]
    assert steps == text["progress_lines"]
    if run == CAPTION:
        assert printed[0] == "-" * 13
    else:
        # Of its last lines, the record lacks the one that names the file in the full.
        assert f"{Path.cwd()}/{text['final_filename']}" in printed
        printed.remove(f"{Path.cwd()}/{text['final_filename']}")
        assert printed == text["stdout_lines"]

    assert str(result.final) == text["final_filename"]
    assert Path(text["final_filename"]).is_file()
    samples = text.get("sample_filenames", [])
    assert [str(path) for path in result.samples] == samples
    folder = Path(text["final_filename"]).parent / "samples"
    assert sorted(map(str, folder.glob("*"))) == samples
    wanted = [f"{file}|{label}" for file, label in zip(samples, labels, strict=False)]
    assert wanted == text.get("sample_labels", [])

    with Image.open(text["final_filename"]) as final:
        shape = rows(run).get("final_image_shape", [1, 3, 227, 227])
        assert final.size == (shape[3], shape[2])
        right = np.asarray(final)[:, -227:].astype(float)
    # A JPEG of noise is not exact, but it is that of the last image and not of another.
    whole = [to_bytes(image).astype(float) for image in images]
    distances = [np.abs(right - pixels).mean() for pixels in whole]
    assert int(np.argmin(distances)) == len(images) - 1
