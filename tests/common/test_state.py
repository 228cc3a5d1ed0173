"""A model's variables as arrays, in a file, and back."""

import itertools

import keras
import numpy as np
import pytest

from common.runs import load_state, save_state
from common.state import arrays_of, restore, whole_number


@pytest.fixture
def parts():
    """Two parts like those of a run: a network, and an optimizer that counts its steps."""
    keras.utils.set_random_seed(3)
    network = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(2), keras.layers.BatchNormalization()]
    )
    optimizer = keras.optimizers.Adam(1e-3)
    optimizer.build(network.trainable_variables)
    for variable in network.variables:
        variable.assign(np.random.uniform(0.5, 1, variable.shape))
    optimizer.iterations.assign(7)
    return {"network": network.variables, "optimizer": optimizer.variables}


@pytest.fixture
def arrays(parts):
    return arrays_of(parts)


def disturb(parts):
    """Changes every value."""
    for variables in parts.values():
        for variable in variables:
            variable.assign(keras.ops.add(variable, 1))


def test_names(parts, arrays):
    """Each variable has an array, by its part and number, of its shape and type."""
    names = [f"{part}{i}" for part, variables in parts.items() for i in range(len(variables))]
    assert list(arrays) == names and len(names) > 10
    variables = itertools.chain(*parts.values())
    for name, variable in zip(names, variables, strict=True):
        assert isinstance(arrays[name], np.ndarray)
        assert arrays[name].shape == tuple(variable.shape)
        assert arrays[name].dtype == variable.dtype


@pytest.mark.parametrize("through", ["memory", "a file"])
def test_round_trip(tmp_path, parts, arrays, through):
    """Every value comes back with all its bits, beside whatever else was saved."""
    if through == "a file":
        save_state(tmp_path, **arrays, epoch=5)
        saved = load_state(tmp_path)
    else:
        saved = {name: array.copy() for name, array in arrays.items()}
    disturb(parts)
    changed = arrays_of(parts)
    assert all((changed[name] != saved[name]).all() for name in changed)
    restore(parts, saved)
    for name, array in arrays_of(parts).items():
        np.testing.assert_array_equal(array, saved[name])
    assert arrays_of(parts)["optimizer0"] == 7


def test_arrays_are_copies(parts, arrays):
    """Training on does not change what was taken before."""
    before = {name: array.copy() for name, array in arrays.items()}
    disturb(parts)
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, before[name])


def test_no_parts():
    """Of nothing nothing is saved, and it can be restored from anything."""
    assert arrays_of({}) == {} and arrays_of({"network": []}) == {}
    restore({"network": []}, {"other": np.zeros(3)})


NAMES = ["network0", "network1", "optimizer0", "optimizer3"]


@pytest.mark.parametrize("name", NAMES)
def test_missing(parts, arrays, name):
    """A value that is missing is of another network."""
    del arrays[name]
    with pytest.raises(ValueError, match=f"^{name} is missing, or of another shape$"):
        restore(parts, arrays)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("change", [lambda a: a[None], lambda a: np.zeros((2, 5)), np.append])
def test_another_shape(parts, arrays, name, change):
    """So is a value of another shape, even one that would be repeated to fit."""
    array = arrays[name]
    arrays[name] = change(array, 1) if change is np.append else change(array)
    with pytest.raises(ValueError, match=f"^{name} is missing, or of another shape$"):
        restore(parts, arrays)


WRONG = {
    "nan": lambda a: np.full(a.shape, np.nan),
    "infinite": lambda a: np.full(a.shape, -np.inf, np.float32),
    "one of them nan": lambda a: np.where(np.arange(a.size).reshape(a.shape) == 0, np.nan, a),
    "text": lambda a: np.full(a.shape, "1"),
    "bytes": lambda a: np.full(a.shape, b"1"),
    "truth": lambda a: np.full(a.shape, True),
    "complex": lambda a: a.astype(complex),
    "objects": lambda a: a.astype(object),
    "dates": lambda a: np.zeros(a.shape, "M8[s]"),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_no_numbers(parts, arrays, name, change):
    """What is not a finite number is refused."""
    arrays[name] = change(arrays[name])
    with pytest.raises(ValueError, match=r"^it holds values that are not numbers$"):
        restore(parts, arrays)


@pytest.mark.parametrize("kind", [np.float16, np.float64, np.int32, np.uint8])
def test_other_types_of_numbers(parts, arrays, kind):
    """Numbers of another type are taken, as the variable's own."""
    arrays["network0"] = np.full((3, 2), 3, kind)
    restore(parts, arrays)
    found = np.asarray(parts["network"][0])
    assert found.dtype == np.float32 and (found == 3).all()


@pytest.mark.parametrize("value", [0, 7, np.int64(2**40), np.uint8(3), np.array(5), True])
def test_whole_numbers(tmp_path, value):
    save_state(tmp_path, iteration=value)
    found = whole_number(load_state(tmp_path), "iteration")
    assert type(found) is int and found == value


@pytest.mark.parametrize("value", [-1, 8.0, [8], [[8]], "8", np.nan])
def test_what_is_no_whole_number(tmp_path, value):
    save_state(tmp_path, iteration=value)
    for name in ("iteration", "other"):
        with pytest.raises(ValueError, match=f"it has no {name}"):
            whole_number(load_state(tmp_path), name)
