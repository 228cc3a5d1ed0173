"""Flags, presets, and what a run that goes on takes over."""

import pytest

from reproductions.iccv_introspective import options
from reproductions.iccv_introspective.options import parse_learning, parse_synthesis, settings_of
from reproductions.iccv_introspective.settings import LearningSettings, StageSettings


@pytest.fixture
def runs(tmp_path):
    """Parses flags of the synthesis where a run has been learned."""
    run = tmp_path / "learn_a_texture" / "01022026_030405"
    run.mkdir(parents=True)
    (run / "run.json").write_text("{}")
    return lambda *argv: parse_synthesis(["a.png", "--results_dir", str(tmp_path), *argv])


def test_the_beginning_of_a_flag_is_enough():
    flags = parse_learning(["a.png", "--filt", "8", "--learning_r", "0.5", "--patch_s", "32"])
    assert (flags.filters, flags.learning_rate, flags.patch_size) == (8, 0.5, 32)


def test_a_beginning_that_several_flags_have(capsys):
    with pytest.raises(SystemExit) as ended:
        parse_learning(["a.png", "--synthesis_st", "8"])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert "ambiguous option: --synthesis_st" in error and error.count("\n") == 1


def test_a_flag_beats_the_preset_which_beats_the_default():
    plain, quick = parse_learning(["a.png"]), parse_learning(["a.png", "--preset", "quick"])
    preset = options.LEARNING_PRESETS["quick"]
    assert preset and {name: getattr(quick, name) for name in preset} == preset
    changed = {name for name, value in vars(quick).items() if getattr(plain, name) != value}
    assert changed - {"preset"} <= preset.keys()
    for argv in (["--preset", "quick", "--filters", "5"], ["--filters", "5", "--preset", "quick"]):
        own = parse_learning(["a.png", *argv])
        assert own.filters == 5
        assert {**vars(own), "filters": quick.filters} == vars(quick)
    # A default that is given beats the preset too.
    again = parse_learning(["a.png", "--preset", "quick", "--images", str(plain.images)])
    assert again.images == plain.images


def test_the_preset_of_the_synthesis(runs):
    plain, quick = runs(), runs("--preset", "quick")
    preset = options.SYNTHESIS_PRESETS["quick"]
    assert preset and {name: getattr(quick, name) for name in preset} == preset
    assert runs("--preset", "quick", "--width", "70").width == 70
    assert (plain.width, plain.height, plain.preset) == (256, 256, None)


def test_settings_of_flags(runs):
    assert settings_of(parse_learning(["a.png"]), LearningSettings) == LearningSettings()
    assert settings_of(runs(), StageSettings) == StageSettings()
    own = settings_of(parse_learning(["a.png", "--images", "7"]), LearningSettings)
    assert own == LearningSettings(images=7)


def test_the_run_that_is_taken(runs, tmp_path):
    first = tmp_path / "learn_a_texture" / "01022026_030405"
    # Younger, though its name comes first.
    second = first.with_name("01022027_030405")
    for name in (second.name, "01022026_030405.0", "something_else"):
        (first.parent / name).mkdir()
        (first.parent / name / "run.json").write_text("{}")
    first_again = first.with_name("01022026_030405.0")
    assert runs().run == runs("--run", "latest").run == second
    assert runs("--run", first.name).run == first
    assert runs("--run", first_again.name).run == first_again
    assert runs("--run", str(first)).run == first
    assert runs("--run", f"{first}/").run == first
