"""The flags --device and --precision of every script."""

import argparse
import subprocess
import sys

import pytest

from common import flags, machine
from common.errors import UserError
from common.originals import REPOSITORY


@pytest.fixture
def asked(monkeypatch):
    """What the command line asked for; nothing is computed yet."""
    monkeypatch.setattr(machine, "_asked", argparse.Namespace(device="auto", precision="float32"))
    monkeypatch.setattr(machine, "_where", "")
    return lambda: tuple(vars(machine._asked).values())


def parse(line, **options):
    parser = flags.Parser("it.py", "Does it.", **options)
    parser.add_argument("--k", type=int, default=1)
    return parser, parser.parse_args(line.split())


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("", ("auto", "float32")),
        ("--device cpu", ("cpu", "float32")),
        ("--device=gpu --precision tf32", ("gpu", "tf32")),
        ("--device gpu:13 --precision=float32", ("gpu:13", "float32")),
        ("--device gpu --device cpu", ("cpu", "float32")),
    ],
)
def test_they_are_noted_and_no_part_of_a_run(asked, line, wanted):
    _, values = parse(f"--k 3 {line}")
    assert vars(values) == {"k": 3}
    assert asked() == wanted


@pytest.mark.parametrize("device", ["tpu", "GPU", "gpu:", "gpu:x", "gpu:-1", "gpu:1234", ""])
def test_a_device_that_cannot_be(asked, capsys, device):
    with pytest.raises(SystemExit) as ended:
        flags.Parser("it.py", "Does it.").parse_args([f"--device={device}"])
    assert ended.value.code == 2
    line = f"it.py: error: argument --device: must be auto, cpu, gpu or gpu:N, got {device!r}"
    assert capsys.readouterr() == ("", f"{line} (-h shows all flags)\n")


def test_a_precision_that_there_is_not(asked, capsys):
    with pytest.raises(SystemExit) as ended:
        parse("--precision half")
    assert ended.value.code == 2
    err = capsys.readouterr().err
    assert "argument --precision: invalid choice: 'half'" in err and err.count("\n") == 1


def test_help_shows_them_where_something_is_computed(asked):
    text = parse("")[0].format_help()
    assert "--device auto|cpu|gpu|gpu:N" in text and "--precision {float32,tf32}" in text
    parser, values = parse("", computes=False)
    assert "--device" not in parser.format_help() and vars(values) == {"k": 1}


def test_resolved_flags_hold_what_was_given_last(asked):
    parser, _ = parse("")
    parser.add_argument("--preset")
    argv = ["--preset", "quick", "--device", "cpu"]
    values = flags.resolve(parser, argv, {"quick": {"k": 7}})
    assert values.k == 7 and asked() == ("cpu", "float32")
    assert flags.given(parser, argv) == {"preset"}
    assert asked() == ("cpu", "float32")


class Machine:
    """One with so many GPUs, which remembers what was asked of it."""

    def __init__(self, gpus):
        self.gpus, self.asked = gpus, []

    def use(self, device, precision, together=False):
        self.asked.append((device, precision))
        number = machine.chosen_gpu(device, self.gpus)
        return "on the CPU" if number is None else f"on GPU {number}"


@pytest.mark.parametrize(
    ("line", "gpu", "gpus", "where"),
    [
        ("", None, 0, "on the CPU"),
        ("", None, 2, "on GPU 0"),
        ("--device gpu:1", None, 2, "on GPU 1"),
        # An original's own flag says which GPU, or that it is none.
        ("", 1, 2, "on GPU 1"),
        ("", -1, 2, "on the CPU"),
        ("", 1, 1, "there is no GPU 1: on the CPU"),
        ("--device gpu:1", 0, 2, "on GPU 1"),
        ("--device cpu", 0, 2, "on the CPU"),
    ],
)
def test_where_it_is_computed(asked, line, gpu, gpus, where):
    parse(line)
    assert machine.where() == "not yet known, float32"
    found = Machine(gpus)
    assert machine.begin(found.use, gpu) == where
    assert machine.where() == f"{where}, float32"
    # The first call counts, whatever a later one says.
    calls = len(found.asked)
    assert machine.begin(found.use, 0) == where and len(found.asked) == calls


def test_the_precision_is_handed_on(asked):
    parse("--precision tf32")
    found = Machine(1)
    machine.begin(found.use)
    assert found.asked == [("auto", "tf32")] and machine.where() == "on GPU 0, tf32"


def test_a_device_that_was_asked_for_and_is_not_there(asked):
    parse("--device gpu:2")
    with pytest.raises(UserError, match="no GPU 2 here, only 2 was found"):
        machine.begin(Machine(2).use, 0)
    assert machine.where() == "not yet known, float32"


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("--device cpu", 0, "on the CPU, float32\n"),
        ("--device gpu:999", 1, "error: --device gpu:999: there is no GPU 999 here, "),
    ],
)
def test_a_script(line, status, said):
    """On the backend in use."""
    code = """
from common import flags, machine
from common.quiet import import_keras

def main(values):
    import_keras()
    from keras import ops
    assert float(ops.sum(ops.ones(3))) == 3
    print(machine.where())

flags.run(flags.Parser("it.py", "Does it.").parse_args, main)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, *line.split()], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert done.returncode == status
    assert (done.stdout + done.stderr).startswith(said)
    assert (done.stdout + done.stderr).count("\n") == 1
