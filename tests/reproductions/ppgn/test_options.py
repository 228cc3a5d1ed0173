"""Flags: prefixes, flags without a value, presets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reproductions.ppgn import options
from reproductions.ppgn.options import QUICK, parse_caption, parse_class, region, sweep, units
from tests.reproductions.ppgn.test_help import DEFAULTS

PARSE = {"sampling_class": parse_class, "sampling_caption": parse_caption}
NEEDED = {"sampling_class": ["--units=1"], "sampling_caption": ["--sentence=a"]}

#: A value for every flag that is not its default.
VALUES = {
    "act_layer": "fc7",
    "captioner_definition": "c.prototxt",
    "init_file": "a.png",
    "net_definition": "n.prototxt",
    "net_weights": "n.caffemodel",
    "opt_layer": "fc7",
    "output_dir": "out",
    "sentence": "a_dog",
    "units": "3_4",
}


def prefixes(script):
    """Every way to begin a flag that only one of the original's flags begins so."""
    names = [*DEFAULTS[script], "help"]
    for name in DEFAULTS[script]:
        for length in range(1, len(name) + 1):
            begin = name[:length]
            if begin == name or sum(other.startswith(begin) for other in names) == 1:
                yield begin, name


@pytest.mark.parametrize("script", PARSE)
def test_all_prefixes_that_the_original_took(script):
    seen = set()
    for begin, name in prefixes(script):
        given = [f"--{begin}"] if name == "write_labels" else [f"--{begin}", VALUES.get(name, "3")]
        whole = [f"--{name}", *given[1:]]
        needed = [*NEEDED[script], *["--init_file=a.png"] * (name == "epsilon4")]
        one, other = (vars(PARSE[script]([*needed, *words])) for words in (given, whole))
        assert one == other, begin
        assert one[name] != DEFAULTS[script][name], begin
        if len(given) == 2:
            joined = "=".join(given)
            assert vars(PARSE[script]([*needed, joined])) == other, joined
        seen.add(begin)
    # Those which its own recipes use, and some that flags of this suite begin with too.
    assert {"lr", "xy", "save", "r", "n_i", "w", "th"} <= seen
    assert {"unit", "u", "se"} <= seen or {"sent", "c", "sen"} <= seen


@pytest.mark.parametrize("begin", ["epsilon", "net", "s", "o", "l"])
def test_a_beginning_that_several_flags_have(begin, capsys):
    with pytest.raises(SystemExit) as ended:
        parse_class(["--units=1", f"--{begin}", "1"])
    error = capsys.readouterr().err
    assert ended.value.code == 2
    assert "ambiguous option" in error
    assert error.count("\n") == 1


def test_own_flags_have_prefixes_too():
    flags = parse_class(["--units=1", "--weight", "random", "--chains", "3"])
    assert (flags.weights, flags.chains_per_call) == ("random", 3)


@pytest.mark.parametrize("script", PARSE)
@pytest.mark.parametrize("value", ["1", "0.5", "1e-5", "-2"])
def test_numbers_in_both_forms(script, value):
    for words in ([f"--lr={value}"], ["--lr", value]):
        flags = PARSE[script]([*NEEDED[script], *words])
        assert flags.lr == float(value)


@pytest.mark.parametrize("script", PARSE)
def test_flags_without_a_value(script):
    names = ["threshold", "lr", "lr_end", "epsilon1", "epsilon2", "epsilon3", "seed", "xy"]
    names += ["epsilon4"] * (script == "sampling_class")
    for name in names:
        flags = PARSE[script]([*NEEDED[script], f"--{name}", "--gif"])
        assert vars(flags) == vars(PARSE[script]([*NEEDED[script], "--gif"])), name


def test_a_negative_end_stands_for_the_start():
    for words in ([], ["--lr_end", "-1"], ["--lr_end=-0.5"], ["--lr_end"]):
        assert parse_class(["--units=1", "--lr", "3", *words]).lr_end == 3
    assert parse_class(["--units=1", "--lr_end", "0"]).lr_end == 0
    assert parse_class(["--units=1", "--lr_end", "1e-32"]).lr_end == 1e-32


def test_a_flag_beats_the_preset_which_beats_the_default():
    plain, quick = (parse_class(["--units=1", *words]) for words in ([], ["--preset", "quick"]))
    assert {name: getattr(quick, name) for name in QUICK} == QUICK
    changed = {name for name, value in vars(quick).items() if getattr(plain, name) != value}
    assert changed == {*QUICK, "preset"}
    for words in (["--preset=quick", "--n_iters=5"], ["--n_iters=5", "--preset=quick"]):
        own = parse_class(["--units=1", *words])
        assert vars(own) == {**vars(quick), "n_iters": 5}


@given(st.lists(st.integers(0, 10**9 - 1), min_size=1))
def test_units_are_read(numbers):
    assert units("_".join(map(str, numbers))) == numbers


@given(st.text(alphabet="0123456789_-, ae.", max_size=8))
def test_units_are_whole_numbers_or_refused(text):
    try:
        found = units(text)
    except options.argparse.ArgumentTypeError:
        assert not all(part.isdecimal() for part in text.split("_"))
    else:
        assert found == [int(part) for part in text.split("_")]


def test_regions_and_sweeps_are_read():
    assert region("all") is None
    assert region("0_1_2_13") == (0, 1, 2, 13)
    assert sweep("epsilon1=1e-5,1,2") == ("epsilon1", [1e-5, 1.0, 2.0])
    assert sweep("lr=-1,1") == ("lr", [-1.0, 1.0])


def test_the_last_seed_of_a_batch():
    assert parse_class(["--units=1", "--seed=4294967295"]).seed == 2**32 - 1
    assert parse_class(["--units=1", "--seed=4294967290", "--batch=6"]).batch == 6


def test_blanks_separate_words_too():
    assert parse_caption(["--sentence", " a dog  barks_loudly"]).sentence == "a_dog_barks_loudly"


@pytest.mark.parametrize("script", PARSE)
def test_animations_of_no_samples(script, capsys):
    assert PARSE[script]([*NEEDED[script], "--gif", "--save_every=2"]).gif
    with pytest.raises(SystemExit) as ended:
        PARSE[script]([*NEEDED[script], "--save=0", "--gif"])
    assert ended.value.code == 2
    message = "argument --gif: there are no samples with --save_every 0"
    assert message in capsys.readouterr().err
