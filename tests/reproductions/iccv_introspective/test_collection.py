"""All pictures of a run: each in a batch once, positives in memory once, negatives on disk."""

import tracemalloc

import h5py
import numpy as np
import pytest

from reproductions.iccv_introspective.classes import ImageClass
from reproductions.iccv_introspective.collection import (
    Collection,
    longest_name,
    negative_names,
    positive_names,
    synthesis_names,
)
from reproductions.iccv_introspective.index import Index

SIZE = (40, 50, 3)
ONE = int(np.prod(SIZE))


def pictures(count, seed=0):
    return np.random.default_rng(seed).integers(256, size=(count, *SIZE), dtype=np.uint8)


@pytest.fixture
def index(tmp_path):
    made = Index(tmp_path, {"name": "n", "type": "learning", "comment": "c"}, SIZE, 20)
    made.publish()
    yield made
    made.finish()


def stream(count, seed=0):
    """Pictures that are made one at a time."""
    random = np.random.default_rng(seed)
    for _ in range(count):
        yield random.integers(256, size=SIZE, dtype=np.uint8)


def check_load(collection, numbers, known):
    """Every picture of a batch is there, once, and found by its place."""
    found, slots = collection.load(np.asarray(numbers))
    assert found.dtype == np.uint8 and slots.dtype == np.int32
    assert slots.shape == (len(numbers),)
    for slot, number in zip(slots, numbers, strict=True):
        np.testing.assert_array_equal(found[slot], known[number])
    assert set(slots.tolist()) == set(range(len(found)))
    assert len({picture.tobytes() for picture in found}) == len(found)
    return found


def test_names():
    one = ImageClass("leaf", pictures(1))
    assert positive_names(one, 3) == ["leaf-0", "leaf-1", "leaf-2"]
    assert negative_names(3) == ["neg0", "neg1", "neg2"]
    assert synthesis_names(2, 0) == ["syn0", "syn1"]
    assert synthesis_names(2, 1) == ["syn0@round1", "syn1@round1"]
    assert synthesis_names(12, 34)[11] == "syn11@round34"


def test_no_name_is_longer_than_the_longest():
    for name in ("a", "a_long_name_of_a_texture_indeed", "grün" * 9):
        classes = [ImageClass(name, pictures(1)), ImageClass("b", pictures(3))]
        longest = longest_name(classes, 200)
        names = [*positive_names(classes[0], 200), *synthesis_names(200, 99999)]
        assert max(len(each.encode()) for each in names) <= longest


def test_a_batch_holds_every_picture_once(index):
    texture = ImageClass("a", pictures(1))
    collection = Collection(index, [texture], 10)
    collection.add_generation(pictures(10, 1), negative_names(10))
    collection.add_generation(pictures(10, 2), synthesis_names(10, 0))
    known = np.concatenate([[texture.images[0]] * 10, pictures(10, 1), pictures(10, 2)])
    found = check_load(collection, [12, 3, 12, 29, 0, 9, 10, 12], known)
    assert len(found) == 4
    assert len(check_load(collection, [5], known)) == 1
    everything = np.random.default_rng(0).permutation(30)
    assert len(check_load(collection, everything, known)) == 21


def test_pictures_of_several_classes_are_kept_apart(index):
    classes = [ImageClass("a", pictures(2, 1), 0.5), ImageClass("b", pictures(3, 2), 0.5)]
    collection = Collection(index, classes, 4)
    collection.add_generation(pictures(4, 3), negative_names(4))
    one, other = classes[0].images, classes[1].images
    # Four of each class, taken in turn.
    known = [*one, *one, *other, other[0], *pictures(4, 3)]
    assert len(check_load(collection, range(12), known)) == 2 + 3 + 4
    names = collection.names(np.array([0, 3, 4, 7, 8, 11])).tolist()
    assert names == [b"a-0", b"a-3", b"b-0", b"b-3", b"neg0", b"neg3"]
    drawn = collection.draw(np.random.default_rng(0), 8)
    for label, low in ((1, 0), (2, 4), (0, 8)):
        found = drawn.pictures[drawn.labels == label]
        assert len(found) > 0 and ((found >= low) & (found < low + 4)).all()


def test_a_class_of_more_pictures_than_a_round_needs_gives_all_of_them(index):
    collection = Collection(index, [ImageClass("a", pictures(7))], 4)
    assert len(check_load(collection, range(7), pictures(7))) == 7
    collection.add_generation(pictures(4, 1), negative_names(4))
    seen = set()
    for seed in range(30):
        drawn = collection.draw(np.random.default_rng(seed), 8)
        seen |= set(drawn.pictures[drawn.labels == 1].tolist())
    assert seen == set(range(7))


def test_sets_are_drawn_from_all_generations_by_their_ages(index):
    collection = Collection(index, [ImageClass("a", pictures(1))], 20)
    assert collection.negatives == 0
    for number in range(3):
        collection.add_generation(stream(20, number), synthesis_names(20, number))
        assert collection.negatives == 20 * (number + 1)
    drawn = collection.draw(np.random.default_rng(1), 40)
    negatives = drawn.pictures[drawn.labels == 0]
    ages = [np.sum((negatives >= low) & (negatives < low + 20)) for low in (20, 40, 60)]
    assert ages == drawn.age_counts.tolist() and sum(ages) == 20


def test_the_store_has_every_picture_by_name(tmp_path):
    index = Index(tmp_path, {"name": "n", "type": "learning", "comment": "c"}, SIZE, 20)
    index.publish()
    collection = Collection(index, [ImageClass("a", pictures(1))], 3)
    collection.add_generation(pictures(3, 1), negative_names(3))
    index.finish()
    with h5py.File(tmp_path / "index.h5") as file:
        names = [name.decode() for name in file["store/names"]]
        assert names == ["a-0", "a-1", "a-2", "neg0", "neg1", "neg2"]
        wanted = np.concatenate([[pictures(1)[0]] * 3, pictures(3, 1)])
        np.testing.assert_array_equal(file["store/images"], wanted)


def test_two_hundred_positives_are_one_array_in_memory(index):
    texture = ImageClass("a", pictures(1))
    tracemalloc.start()
    try:
        collection = Collection(index, [texture], 200)
        _, most = tracemalloc.get_traced_memory()
        found, slots = collection.load(np.arange(200))
    finally:
        tracemalloc.stop()
    assert most < 20 * ONE
    assert found.shape == (1, *SIZE)
    np.testing.assert_array_equal(found, texture.images)
    assert not slots.any()


def test_negatives_are_on_disk_and_not_in_memory(index):
    collection = Collection(index, [ImageClass("a", pictures(1))], 1)
    collection.add_generation(stream(1), ["neg0"])
    tracemalloc.start()
    try:
        for number in range(4):
            collection.add_generation(stream(60, number), synthesis_names(60, number))
        stays, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Of 240 pictures.
    assert stays < 20 * ONE and most < 40 * ONE
    known = {
        2 + 60 * number + i: p for number in range(4) for i, p in enumerate(stream(60, number))
    }
    check_load(collection, [2, 61, 62, 200, 241, 100], known)
