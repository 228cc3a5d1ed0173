import numpy as np
import pytest
from PIL import Image

from common.curves import draw_columns, plot_smoothed, saved_figure, scale_of
from common.errors import UserError


@pytest.mark.parametrize(
    ("columns", "size"), [(1, (400, 300)), (2, (700, 300)), (3, (1000, 300)), (5, (1000, 550))]
)
@pytest.mark.parametrize("rows", [1, 250])
def test_every_column_has_its_axes(tmp_path, columns, size, rows):
    names = [f"column {number}" for number in range(columns)]
    table = [(i, *[(i - 3.0) ** n for n in range(columns)], 0.1 * i) for i in range(rows)]
    draw_columns(tmp_path / "curves.png", names, table)
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.format == "PNG" and picture.size == size
        # Matplotlib's first colour, of the curves themselves.
        blue = (np.asarray(picture)[..., :3] == (31, 119, 180)).all(-1)
        # Of a single point there is no line.
        assert blue.any() == (rows > 1)
    assert [path.name for path in tmp_path.iterdir()] == ["curves.png"]


def test_smoothing(tmp_path):
    """A mean over a hundredth, drawn where its last point is, and what it is the mean of."""
    y = np.arange(300.0) % 2
    with saved_figure(tmp_path / "a.png", 4, 3) as figure:
        axes = figure.subplots()
        plot_smoothed(axes, np.arange(300.0), y, "y")
        smooth, faint = axes.get_lines()
    assert smooth.get_label() == "y" and smooth.get_color() == faint.get_color()
    np.testing.assert_array_equal(smooth.get_xdata(), np.arange(2.0, 300))
    np.testing.assert_allclose(smooth.get_ydata(), np.tile([1 / 3, 2 / 3], 149))
    np.testing.assert_array_equal(faint.get_ydata(), y)


@pytest.mark.parametrize(
    ("values", "scale"), [((5.0, 1e-9), "log"), ((1.0, 0.0), "linear"), ((3.0, -1.0), "linear")]
)
def test_scales(values, scale):
    assert scale_of(values) == scale


def test_a_figure_that_cannot_be_written(tmp_path):
    with (
        pytest.raises(UserError, match="cannot write"),
        saved_figure(tmp_path / "missing" / "a.png", 2, 2),
    ):
        pass


def test_a_figure_that_fails_writes_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), saved_figure(tmp_path / "a.png", 2, 2):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
