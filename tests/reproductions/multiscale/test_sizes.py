"""Which sizes are too small for the octaves and layers asked: they gave NaN or crashed once."""

import pytest
from PIL import Image

from common.descriptors import network_of
from common.errors import UserError
from reproductions.multiscale.inputs import check_output, read_inputs
from reproductions.multiscale.options import parse_novelty, parse_synthesis
from reproductions.multiscale.sizes import check_size, smallest_side
from tests.reproductions.multiscale.references import CASES

VGG19 = network_of("gatys")

#: Found by running the original: layer -> smallest side for 1, 2, ... octaves.
LIMITS = {7: (32, 67, 137, 277, 557), 2: (6, 15, 33, 69, 141)}


@pytest.mark.parametrize("layer", LIMITS)
def test_smallest_sides(layer):
    found = tuple(smallest_side(VGG19, [layer], octaves, "valid") for octaves in range(1, 6))
    assert found == LIMITS[layer]


@pytest.mark.parametrize(
    ("layer", "octaves"), [(layer, o) for layer in LIMITS for o in range(1, 6)]
)
def test_one_pixel_less_is_refused(layer, octaves):
    smallest = LIMITS[layer][octaves - 1]
    check_size("it", (smallest, smallest), VGG19, [layer], octaves, "valid")
    for size in ((smallest - 1, smallest), (smallest, smallest - 1)):
        with pytest.raises(UserError, match=f"at least {smallest} pixels"):
            check_size("it", size, VGG19, [layer], octaves, "valid")


@pytest.mark.parametrize("side", [32, 67, 137])
def test_the_smallest_size_has_a_loss(side, synthesis, tmp_path):
    octaves = LIMITS[7].index(side) + 1
    Image.new("RGB", (side, side), "teal").save(tmp_path / "smallest.png")
    arguments = ["-s", str(tmp_path / "smallest.png"), "-ow", str(side), "-o", str(octaves)]
    loss, gradient = synthesis(arguments).evaluate()
    assert 0 < loss < float("inf")
    assert abs(gradient).max() < float("inf")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            CASES["style"]["st_small_output_o3"]["arguments"],
            "the output is 128x128.* 137 .*2 octaves",
        ),
        (
            CASES["lbfgs"]["lb_nan_small"]["arguments"],
            "the output is 128x128.* 137 .*2 octaves",
        ),
        (
            CASES["style"]["st_small_source_o3"]["arguments"],
            r"the source synthetic60_128x112\.png is 128x112.* 137 .*2 octaves",
        ),
        (
            ["-s", "synthetic61_176x144.png", "-ow", "256"],
            "the output is 256x256.* 277 .*3 octaves",
        ),
        (
            ["-s", "synthetic61_176x144.png", "-ow", "244"],
            "the output is 244x244.* 277 .*3 octaves",
        ),
        (
            ["-s", "synthetic61_176x144.png", "-ow", "277"],
            "the source .* 176x144.* 277 .*3 octaves",
        ),
        (
            ["-s", "synthetic61_176x144.png", "-ow", "277", "-oh", "276"],
            "the output is 277x276.* 277 .*3 octaves",
        ),
        (
            ["-s", "synthetic61_176x144.png", "-ow", "96", "-o", "2", "-sw", "60"],
            "the source .* is 60x49.* 67 .*1 octave fits",
        ),
        (["-s", "synthetic61_176x144.png", "-ow", "30", "-o", "1"], " 32 .*not even 1 fits"),
    ],
)
def test_too_small_is_refused_before_anything_is_written(arguments, message, in_sources, tmp_path):
    flags = parse_synthesis([*arguments, "--output-dir", str(tmp_path / "made")])
    with pytest.raises(UserError, match=message):
        read_inputs(flags)
    assert not (tmp_path / "made").exists()


def test_novelty_refuses_a_small_output_too(tmp_path):
    flags = parse_novelty(["-ow", "256", "--output-dir", str(tmp_path / "made")])
    with pytest.raises(UserError, match=r"the output is 256x256.* 277 .*3 octaves"):
        check_output(flags)
    assert not (tmp_path / "made").exists()
