"""The names of run folders against the original's."""

from pathlib import Path

import pytest

from common.errors import UserError
from common.runs import new_folder
from reproductions.multiscale.inputs import read_inputs
from reproductions.multiscale.naming import novelty_folder, synthesis_folder
from reproductions.multiscale.options import parse_novelty, parse_synthesis
from tests.reproductions.multiscale.references import read_json

NAMES = read_json("names")
SCRIPTS = {
    "synthesize": (parse_synthesis, synthesis_folder),
    "novelty": (parse_novelty, novelty_folder),
}

#: The original made sense of these, or made nothing of them; here they are refused.
REFUSED = {
    "oh0": "--output-height/-oh: must be 1 or more, got 0",
    "ss0": "--source-scale/-ss: must be above 0, got 0",
    "c0": "--count/-c: must be 1 or more, got 0",
    "ss0.5_sw99": "--source-scale/-ss: has no use here",
    "c3_shift2.5": "--if-shift: has no use here",
    "all": "--source-scale/-ss: has no use here",
}


def refused_here(script, name):
    return name in REFUSED and (script == "novelty" or name in ("oh0", "ss0", "c0"))


ALL = [(script, name) for script in SCRIPTS for name in NAMES[script]]
NAMED = [a for a in ALL if "folder" in NAMES[a[0]][a[1]] and not refused_here(*a)]
REFUSED_THEN = [a for a in ALL if NAMES[a[0]][a[1]].get("ended") == "SystemExit(2)"]


@pytest.mark.parametrize(("script", "name"), NAMED)
def test_folder(script, name):
    parse, folder = SCRIPTS[script]
    flags = parse(NAMES[script][name]["arguments"])
    assert Path(flags.output_dir, folder(flags)).as_posix() == NAMES[script][name]["folder"]


@pytest.mark.parametrize(("script", "name"), [a for a in ALL if refused_here(*a)])
def test_refused_here(script, name, capsys):
    with pytest.raises(SystemExit) as end:
        SCRIPTS[script][0](NAMES[script][name]["arguments"])
    assert end.value.code == 2
    assert REFUSED[name] in capsys.readouterr().err


@pytest.mark.parametrize(("script", "name"), REFUSED_THEN)
def test_refused_then_and_now(script, name, capsys):
    with pytest.raises(SystemExit) as end:
        SCRIPTS[script][0](NAMES[script][name]["arguments"])
    assert end.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_names_of_novelty_without_the_flags_that_did_nothing():
    arguments = NAMES["novelty"]["all"]["arguments"]
    useful = [a for a in arguments if a not in ("-ss", "0.5", "-sw", "99")]
    wanted = NAMES["novelty"]["all"]["folder"].replace(".w0.5.w99", "")
    assert f"outputs/{novelty_folder(parse_novelty(useful))}" == wanted


def test_more_octaves_for_distances_than_there_are_is_refused():
    with pytest.raises(UserError, match="--if-octaves must not be above --octaves, but 5 > 4"):
        read_inputs(parse_synthesis(NAMES["synthesize"]["ifo5_gt_octaves"]["arguments"]))


def test_a_prefix_with_a_folder_is_refused(tmp_path):
    flags = parse_synthesis(NAMES["synthesize"]["prefix_slash"]["arguments"])
    with pytest.raises(UserError, match="must not contain folders"):
        new_folder(tmp_path / "outputs", synthesis_folder(flags))
    assert not list(tmp_path.iterdir())


def test_a_nested_output_folder_is_made(tmp_path):
    flags = parse_synthesis(NAMES["synthesize"]["outdir_nested"]["arguments"])
    folder = new_folder(tmp_path / flags.output_dir, synthesis_folder(flags))
    assert folder == tmp_path / "a" / "b" / "out.L2,7.o4.512x512"
    assert folder.is_dir()


def test_folders_that_exist_already_are_left_alone(tmp_path):
    name = Path(NAMES["collision"][0]).name
    made = [new_folder(tmp_path / "outputs", name) for _ in NAMES["collision"]]
    assert [folder.relative_to(tmp_path).as_posix() for folder in made] == NAMES["collision"]
