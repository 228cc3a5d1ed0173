"""The files of a round and of the index, read by another process while they are written."""

import json
import subprocess
import sys

import h5py
import numpy as np
import pytest

from common.errors import UserError
from reproductions.iccv_introspective.index import Index
from reproductions.iccv_introspective.round_file import RoundFile, round_path

PICTURE = (6, 5, 3)
ATTRIBUTES = {"name": "learn_leaf_texture", "type": "learning", "comment": "a trial"}

#: Tells what is in an HDF5 file for each line on its input, without opening it again.
READER = """
import json, sys
import h5py

file = h5py.File(sys.argv[1], "r", libver="latest", swmr=True)
items = {}
file.visititems(lambda name, item: items.update({name: item}))
datasets = {name: item for name, item in items.items() if isinstance(item, h5py.Dataset)}
groups = [name for name in items if name not in datasets]
for line in sys.stdin:
    told = {}
    for name, item in datasets.items():
        item.refresh()
        text = h5py.check_string_dtype(item.dtype)
        rows = item[:]
        told[name] = {
            "type": f"text{text.length}" if text else str(item.dtype),
            "shape": item.shape,
            "filter": item.compression,
            "rows": [row.decode() for row in rows] if text else rows.tolist(),
        }
    print(json.dumps([told, groups, dict(file.attrs)]), flush=True)
"""


class Reader:
    """Another process that has a file open."""

    def __init__(self, path):
        self._process = subprocess.Popen(
            [sys.executable, "-c", READER, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def read(self):
        """Gives datasets, groups and attributes of the file."""
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._process.stdin.close()
        assert self._process.wait(20) == 0
        self._process.stdout.close()


def random_pictures(count, seed=0):
    return np.random.default_rng(seed).integers(256, size=(count, *PICTURE), dtype=np.uint8)


def made_round(folder, number=3, epochs=2, evaluations=1, batches=2):
    return RoundFile(folder / round_path(number), number, epochs, evaluations, batches, PICTURE, 12)


def made_index(folder):
    index = Index(folder, ATTRIBUTES, PICTURE, 12)
    index.publish()
    return index


def stats(prefix, names=("step", "loss", "accuracy")):
    kinds = {"step": "int64", "loss": "float64", "accuracy": "float64"}
    return {f"{prefix}/{name}": kinds[name] for name in names}


def layout(number=3, epochs=2, evaluations=1, batches=2):
    """All datasets of a round with their types, as the specification has them."""
    wanted = {}
    for kind, count in (("epoch", epochs), ("evaluation", evaluations)):
        for each in range(count):
            group = f"{number}/learning/{kind}/{each}"
            wanted |= stats(f"{group}/stats")
            wanted |= {f"{group}/batch/identifiers": "int64", f"{group}/batch/labels": "int64"}
            wanted |= {f"{group}/batch/names": "text12", f"{group}/age_counts": "int64"}
    wanted |= stats(f"{number}/learning/training_stats")
    wanted |= stats(f"{number}/learning/evaluation_stats")
    for each in range(batches):
        group = f"{number}/synthesis/batch/{each}"
        wanted |= stats(f"{group}/stats", ("step", "loss"))
        wanted |= {f"{group}/synthesized/images": "uint8", f"{group}/synthesized/labels": "int64"}
        wanted |= {f"{group}/synthesized/names": "text12"}
    return wanted


def fill(record):
    """An epoch, an evaluation, and a batch of syntheses; a second epoch and batch never come."""
    for part in ("epoch", "evaluation"):
        record.add(f"learning/{part}/0/stats", step=[0, 1], loss=[0.5, 0.25], accuracy=[0.75, 1])
        record.add(
            f"learning/{part}/0/batch", identifiers=[7, 9], labels=[0, 1], names=[b"neg7", b"a-9"]
        )
        record.add(f"learning/{part}/0", age_counts=[3, 4, 5])
        whole = {"epoch": "training", "evaluation": "evaluation"}[part]
        record.add(f"learning/{whole}_stats", step=[1], loss=[0.375], accuracy=[0.875])
    record.add("synthesis/batch/0/stats", step=[0], loss=[0.625])
    record.add(
        "synthesis/batch/0/synthesized",
        images=random_pictures(2),
        labels=[1, 1],
        names=[b"syn0@round3", b"syn1@round3"],
    )


def contents(path):
    """All datasets of a closed file by name, and the names of its groups."""
    datasets, groups = {}, []

    def visit(name, item):
        if isinstance(item, h5py.Dataset):
            datasets[name] = item[()]
        else:
            groups.append(name)

    with h5py.File(path) as file:
        file.visititems(visit)
    return datasets, groups


def test_another_process_reads_a_round_as_it_grows(tmp_path):
    record = made_round(tmp_path)
    with Reader(record.path) as reader:
        told, groups, _ = reader.read()
        assert {name: each["type"] for name, each in told.items()} == layout()
        assert all(each["shape"][0] == 0 for each in told.values())
        assert told["3/synthesis/batch/1/synthesized/images"]["shape"] == [0, *PICTURE]
        assert told["3/synthesis/batch/1/synthesized/images"]["filter"] == "gzip"
        assert {"3", "3/learning/epoch/1/batch", "3/synthesis/batch/1"} <= set(groups)

        fill(record)
        told, _, _ = reader.read()
        assert told["3/learning/epoch/0/stats/loss"]["rows"] == [0.5, 0.25]
        assert told["3/learning/evaluation/0/stats/accuracy"]["rows"] == [0.75, 1]
        assert told["3/learning/epoch/0/batch/names"]["rows"] == ["neg7", "a-9"]
        assert told["3/learning/epoch/0/batch/identifiers"]["rows"] == [7, 9]
        assert told["3/learning/epoch/0/age_counts"]["rows"] == [3, 4, 5]
        assert told["3/learning/training_stats/loss"]["rows"] == [0.375]
        images = told["3/synthesis/batch/0/synthesized/images"]["rows"]
        np.testing.assert_array_equal(images, random_pictures(2))
        assert told["3/synthesis/batch/1/stats/step"]["rows"] == []

        record.add("synthesis/batch/0/stats", step=[1, 2], loss=[0.5, 0.125])
        record.add("learning/epoch/1/stats", step=[2], loss=[0.0625], accuracy=[1])
        told, _, _ = reader.read()
        assert told["3/synthesis/batch/0/stats/loss"]["rows"] == [0.625, 0.5, 0.125]
        assert told["3/learning/epoch/1/stats/step"]["rows"] == [2]

        record.finish({})
        # The reader keeps the file that it has open.
        assert reader.read()[0]["3/synthesis/batch/0/stats/step"]["rows"] == [0, 1, 2]


def test_a_finished_round_has_what_came_and_nothing_else(tmp_path):
    record = made_round(tmp_path)
    fill(record)
    record.finish(
        {
            "learning/early_stopping": {"step": 44, "accuracy": 0.875},
            "synthesis/batch/0/early_stopping": {"step": 7, "loss": 0.5},
        }
    )
    datasets, groups = contents(record.path)
    came = [name for name in layout() if "/epoch/1/" not in name and "/batch/1/" not in name]
    assert set(datasets) == set(came)
    kinds = layout()
    for name, rows in datasets.items():
        assert len(rows) > 0
        wanted = np.dtype("S12") if kinds[name] == "text12" else np.dtype(kinds[name])
        assert rows.dtype == wanted, name
    parents = {name.rpartition("/")[0] for name in datasets}
    stops = {"3/learning/early_stopping", "3/synthesis/batch/0/early_stopping"}
    for group in groups:
        assert any(each == group or each.startswith(f"{group}/") for each in parents | stops)
    np.testing.assert_array_equal(
        datasets["3/synthesis/batch/0/synthesized/images"], random_pictures(2)
    )
    assert datasets["3/synthesis/batch/0/synthesized/names"].tolist()[1] == b"syn1@round3"
    with h5py.File(record.path) as file:
        assert dict(file["3/learning/early_stopping"].attrs) == {"step": 44, "accuracy": 0.875}
        stop = file["3/synthesis/batch/0/early_stopping"].attrs
        assert stop["step"] == 7 and stop["loss"] == 0.5
        assert file["3/synthesis/batch/0/synthesized/images"].compression == "gzip"
    assert [path.name for path in tmp_path.iterdir()] == ["round_3.h5"]


def test_a_round_without_learning_has_none(tmp_path):
    record = made_round(tmp_path, number=0, epochs=0, evaluations=0, batches=1)
    record.add("synthesis/batch/0/stats", step=[0], loss=[1])
    record.close()
    datasets, groups = contents(record.path)
    assert set(datasets) == {
        f"0/synthesis/batch/0/{name}"
        for name in ("stats/step", "stats/loss", *(f"synthesized/{k}" for k in ("images", "names")))
    } | {"0/synthesis/batch/0/synthesized/labels"}
    assert not [name for name in groups if "learning" in name]


def test_a_round_that_is_begun_again_starts_empty(tmp_path):
    record = made_round(tmp_path)
    fill(record)
    record.close()
    again = made_round(tmp_path)
    again.add("synthesis/batch/1/stats", step=[0], loss=[1])
    again.finish({})
    assert set(contents(again.path)[0]) == {
        f"3/synthesis/batch/1/stats/{n}" for n in ("step", "loss")
    }


def test_another_process_reads_the_index_as_it_grows(tmp_path):
    index = made_index(tmp_path)
    with Reader(tmp_path / "index.h5") as reader:
        told, groups, attributes = reader.read()
        assert attributes == ATTRIBUTES
        assert {"store", "round", "syntheses"} <= set(groups)
        assert {name: each["type"] for name, each in told.items()} == {
            "store/images": "uint8",
            "store/names": "text12",
            "round/paths": "text32",
        }
        assert told["store/images"]["shape"] == [0, *PICTURE]
        assert told["store/images"]["filter"] == "gzip"

        pictures = random_pictures(5)
        assert index.add_images(pictures[:3], ["a-0", "a-1", "a-2"]).tolist() == [0, 1, 2]
        index.begin_round()
        told, _, _ = reader.read()
        np.testing.assert_array_equal(told["store/images"]["rows"], pictures[:3])
        assert told["store/names"]["rows"] == ["a-0", "a-1", "a-2"]
        assert told["round/paths"]["rows"] == ["round_0.h5"]

        numbers = index.add_images(iter(pictures[3:]), ["neg0", "neg1"])
        assert numbers.tolist() == [3, 4] and numbers.dtype == np.int64
        index.begin_round()
        told, _, _ = reader.read()
        np.testing.assert_array_equal(told["store/images"]["rows"], pictures)
        assert told["store/names"]["rows"][3:] == ["neg0", "neg1"]
        assert told["round/paths"]["rows"] == ["round_0.h5", "round_1.h5"]

        # The writer reads its own store meanwhile.
        np.testing.assert_array_equal(index.image(4), pictures[4])
        assert index.names(np.array([4, 0, 4])).tolist() == [b"neg1", b"a-0", b"neg1"]
    index.finish()


def test_an_index_is_finished_though_another_process_has_it_open(tmp_path):
    index = made_index(tmp_path)
    index.begin_round()
    with Reader(tmp_path / "index.h5") as reader:
        reader.read()
        index.finish()
    with h5py.File(tmp_path / "index.h5", "r") as file:
        assert file.get("round/0", getlink=True).filename == "round_0.h5"


def test_the_links_of_a_finished_index_resolve(tmp_path, monkeypatch):
    data = tmp_path / "run" / "data"
    data.mkdir(parents=True)
    index = made_index(data)
    index.add_images(random_pictures(2), ["a-0", "neg0"])
    for number in range(2):
        index.begin_round()
        record = made_round(data, number)
        record.add("synthesis/batch/0/stats", step=[0], loss=[number + 0.5])
        record.finish({})
    index.finish(lambda file: file["syntheses"].attrs.update(more=1))
    monkeypatch.chdir(tmp_path)
    with h5py.File("run/data/index.h5", "r") as file:
        assert dict(file.attrs) == ATTRIBUTES
        assert file["round/paths"][:].tolist() == [b"round_0.h5", b"round_1.h5"]
        assert set(file["round"]) == {"paths", "0", "1"}
        for number in range(2):
            link = file.get(f"round/{number}", getlink=True)
            assert isinstance(link, h5py.ExternalLink)
            assert (link.filename, link.path) == (f"round_{number}.h5", str(number))
            assert file[f"round/{number}/synthesis/batch/0/stats/loss"][:] == [number + 0.5]
        assert file["syntheses"].attrs["more"] == 1
        np.testing.assert_array_equal(file["store/images"], random_pictures(2))
    # The links are relative: the whole folder may be moved.
    data.parent.rename(tmp_path / "moved")
    with h5py.File("moved/data/index.h5", "r") as file:
        assert file["round/1/synthesis/batch/0/stats/loss"][:] == [1.5]


def test_the_link_of_a_round_that_was_left_unfinished_resolves(tmp_path):
    index = made_index(tmp_path)
    index.begin_round()
    record = made_round(tmp_path, 0)
    record.add("synthesis/batch/0/stats", step=[0], loss=[0.5])
    record.close()
    index.finish()
    with h5py.File(tmp_path / "index.h5", "r") as file:
        assert file["round/0/synthesis/batch/0/stats/loss"][:] == [0.5]


def test_an_index_is_written_anew_and_readers_of_the_old_one_are_left_alone(tmp_path):
    index = made_index(tmp_path)
    index.add_images(random_pictures(2), ["a-0", "a-1"])
    with Reader(tmp_path / "index.h5") as reader:
        assert reader.read()[0]["store/names"]["rows"] == ["a-0", "a-1"]
        again = made_index(tmp_path)
        again.add_images(random_pictures(1), ["b-0"])
        assert reader.read()[0]["store/names"]["rows"] == ["a-0", "a-1"]
        again.finish()
        index.finish()
    with h5py.File(tmp_path / "index.h5") as file:
        assert file["store/names"][:].tolist() == [b"b-0"]


def test_files_that_cannot_be_written(tmp_path):
    for make in (made_index, made_round):
        with pytest.raises(UserError, match="cannot write"):
            make(tmp_path / "missing")


def test_a_round_of_hundreds_of_epochs(tmp_path):
    """HDF5 could not copy so many groups out of a file that was still being written."""
    epochs = 400
    file = RoundFile(tmp_path / "round_0.h5", 0, epochs, 1, 1, PICTURE, 4)
    for epoch in range(epochs):
        group = f"learning/epoch/{epoch}"
        file.add(f"{group}/stats", step=[epoch], loss=[0.5], accuracy=[1.0])
        file.add(f"{group}/batch", identifiers=[1, 2], labels=[0, 1], names=["a", "b"])
        file.add(group, age_counts=[2])
    file.finish({})
    with h5py.File(file.path) as made:
        learned = made["0/learning/epoch"]
        assert len(learned) == epochs
        assert learned["399/stats/step"][:] == [399]
