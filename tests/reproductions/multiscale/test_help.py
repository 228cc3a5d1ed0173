"""Every flag of the original, long and short, with its default and its choices."""

import argparse

import pytest

from reproductions.multiscale.options import novelty_parser, parse_novelty, synthesis_parser
from tests.reproductions.multiscale.references import read_json

FLAGS = read_json("flags")
PARSERS = {"synthesize": synthesis_parser, "novelty": novelty_parser}

#: The original's novelty.py took these and did nothing with them.
USELESS = ("--source-scale", "--source-width", "--if-weight", "--if-shift", "--if-order")

ALL = [(script, name) for script, flags in FLAGS.items() for name in flags]


@pytest.mark.parametrize(
    ("script", "name"), [a for a in ALL if a[0] == "synthesize" or a[1] not in USELESS]
)
def test_flag(script, name):
    wanted = FLAGS[script][name]
    [action] = [a for a in PARSERS[script]()._actions if name in a.option_strings]
    assert [o for o in action.option_strings if not o.startswith("--")] == (
        [wanted["short"]] if "short" in wanted else []
    )
    if name == "--internal":  # its help showed no default
        assert action.default is False
    else:
        assert str(action.default) == wanted["default"]
    # `--padding-mode reflect` is new.
    assert action.choices is None or set(action.choices) - {"reflect"} == set(wanted["choices"])
    assert (action.choices is None) == ("choices" not in wanted)
    assert (action.nargs == "+") == wanted.get("several", False)


@pytest.mark.parametrize("name", USELESS)
def test_flags_that_did_nothing_are_refused(name, capsys):
    forms = [
        name,
        *([FLAGS["novelty"][name]["short"]] if "short" in FLAGS["novelty"][name] else []),
    ]
    for form in forms:
        with pytest.raises(SystemExit) as end:
            parse_novelty([form, "1"])
        assert end.value.code == 2
        assert "has no use here" in capsys.readouterr().err


@pytest.mark.parametrize("script", PARSERS)
def test_help_shows_every_flag_and_default(script):
    text = " ".join(PARSERS[script]().format_help().split())
    for name, wanted in FLAGS[script].items():
        if script == "novelty" and name in USELESS:
            assert name not in text
        else:
            assert name in text
            assert name == "--internal" or f"(default: {wanted['default']})" in text


@pytest.mark.parametrize("script", PARSERS)
def test_new_flags_have_no_short_form(script):
    """So that a short flag means what it meant."""
    for action in PARSERS[script]()._actions:
        short = [o for o in action.option_strings if not o.startswith("--")]
        hidden = action.help == argparse.SUPPRESS
        if short and not hidden and not isinstance(action, argparse._HelpAction):
            known = {flag.get("short") for flag in FLAGS[script].values()}
            assert set(short) <= known
