"""The suite's own network for textures: its file, and files that are damaged."""

import numpy as np
import pytest
from keras import ops

from common.descriptors import network_of
from common.descriptors.drawn import FILE, read_drawn
from common.errors import UserError
from common.images import pictures_in, read_picture
from common.originals import REPOSITORY
from common.vgg19_pixels import preprocess


@pytest.fixture
def arrays():
    with np.load(FILE) as file:
        return dict(file)


def write(path, arrays):
    np.savez(path, **arrays)
    return path


def refused(path, message):
    with pytest.raises(UserError, match=message) as caught:
        read_drawn(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_the_kept_file(arrays):
    assert FILE.stat().st_size < 1_000_000
    weights, network = read_drawn(), network_of("drawn")
    assert list(weights) == [name for name in network.layers if name.startswith("conv")]
    for name, (kernel, bias) in weights.items():
        assert kernel.dtype == bias.dtype == np.float32
        np.testing.assert_array_equal(kernel, arrays[f"{name}/kernel"])
        assert kernel.shape[3] == len(bias) == network.channels(name)


def test_layers_answer_to_the_textures_alike():
    network = network_of("drawn")
    weights, line = network.load("drawn", network.layers[-1], [])
    assert "squeezenet" in line
    layers = [name for name in network.layers if name.startswith("conv")]
    model = network.build(weights, layers, "reflect")
    sums = np.zeros(len(layers))
    paths = pictures_in(REPOSITORY / "datasets" / "textures")
    for path in paths[::3]:
        features = model(preprocess(np.asarray(read_picture(path)))[None])
        sums += [float(ops.mean(one)) for one in features]
    assert ((sums / len(paths[::3]) > 0.3) & (sums / len(paths[::3]) < 3)).all()


def test_damaged_files(tmp_path, arrays):
    name = next(iter(arrays))
    refused(tmp_path / "none.npz", "cannot read")
    (tmp_path / "short.npz").write_bytes(FILE.read_bytes()[:-300])
    refused(tmp_path / "short.npz", "damaged")
    (tmp_path / "text.npz").write_text("weights")
    refused(tmp_path / "text.npz", "cannot read|damaged")
    without = {key: value for key, value in arrays.items() if key != name}
    refused(write(tmp_path / "less.npz", without), "damaged")
    other = {**arrays, name: arrays[name][..., :-1]}
    refused(write(tmp_path / "other.npz", other), "damaged: conv1_1 has other sizes")
    endless = {**arrays, name: arrays[name] * np.float16(np.inf)}
    refused(write(tmp_path / "endless.npz", endless), "values that are not numbers")
    objects = {**arrays, name: np.array([None])}
    refused(write(tmp_path / "objects.npz", objects), "damaged")
