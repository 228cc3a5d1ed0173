"""Flags that are of no effect in some mode are refused where they are given."""

import pytest

from reproductions.ppgn.training.options import parse_evaluation, parse_generator, parse_prior
from tests.scripts import words

WITHOUT_D = (parse_generator, "--dataset digits --weight_adversarial 0")
OF_X, OF_H = (parse_prior, "--preset quick --of x"), (parse_prior, "--preset quick --of h")
WITHOUT_HOLES = (parse_evaluation, "--inpainted 0")

REASONS = {
    WITHOUT_D: "there is no D with --weight_adversarial 0",
    OF_X: "--of x needs no encoder",
    OF_H: "with --of h it is the encoder's",
    WITHOUT_HOLES: "there are no holes with --inpainted 0",
}


@pytest.mark.parametrize(
    ("mode", "flag"),
    [
        (WITHOUT_D, "--discriminator_filters 32"),
        (WITHOUT_D, "--discriminator_learning_rate 1e-3"),
        (WITHOUT_D, "--tell_codes"),
        (WITHOUT_D, "--weight_decay 4e-4"),
        (OF_X, "--encoder_definition caffenet"),
        (OF_X, "--encoder_weights a.caffemodel"),
        (OF_X, "--encoder_pixels rgb"),
        (OF_X, "--weights pretrained"),
        (OF_X, "--code_layer fc6"),
        (OF_H, "--color grey"),
        (OF_H, "--image_size 28"),
        (WITHOUT_HOLES, "--patch 10"),
    ],
)
def test_a_flag_without_effect(mode, flag, capsys):
    """Also where its value is the default; presets may have it."""
    parse, argv = mode
    parse(words(argv))
    with pytest.raises(SystemExit) as ended:
        parse(words(f"{argv} {flag}"))
    line, rest = capsys.readouterr().err.split("\n", 1)
    assert ended.value.code == 2 and rest == ""
    assert f"error: argument {flag.split()[0]}: {REASONS[mode]} (" in line


def test_filters_of_a_prior(capsys):
    assert parse_prior(words("--preset quick --of x --filters 3")).filters == 3
    with pytest.raises(SystemExit):
        parse_prior(words("--preset quick --filters 64"))
    assert "argument --filters: it is of --of x" in capsys.readouterr().err


def test_flags_that_have_an_effect():
    """A preset's flags of D are no mistake where there is no D."""
    flags = parse_generator(words("--preset quick --weight_adversarial 0"))
    assert flags.discriminator_filters == 16
    argv = "--preset quick --discriminator_filters 32 --tell_codes --weight_decay 0"
    assert parse_generator(words(argv)).tell_codes
    assert parse_evaluation(words("--patch 3")).patch == 3
