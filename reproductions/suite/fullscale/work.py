"""How much was computed, and what share of what the device can do."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from common.runs import read_settings
from reproductions.suite.steps import Course, Step

#: Sides of the matrices whose product shows what a device can do, and seconds for each.
_SIZES, _SECONDS = (2048, 4096, 8192), 2.0


def summed_up(course: Course, steps: Sequence[Step]) -> dict[str, object]:
    """What `report.json` says of steps that are done.

    Returns:
        The device; the rate of its matrix product; and for each step seconds, over all its pieces
        with starting and compiling, the multiplications and additions that count, and their share
        of that rate.
    """
    from common import machine
    from common.quiet import import_keras

    import_keras()
    best = product_rate()
    report = {"device": machine.where(), "matrix product, TFLOP/s": _rounded(best / 1e12)}
    for step in steps:
        seconds = course.seconds()[step.key]
        report[f"{step.script}, seconds"] = seconds
        run = course.run_of(step)
        if run is not None and step.script in WORK:
            work = WORK[step.script](run, read_settings(run)["flags"])
            report[f"{step.script}, TFLOP"] = _rounded(work / 1e12)
            report[f"{step.script}, share"] = _rounded(work / seconds / best)
    return report


def _rounded(number: float) -> float:
    return float(f"{number:.4g}")


def product_rate() -> float:
    """The best rate of the device's matrix product, FLOP/s, at the precision in use."""
    from keras import ops

    from common import backend

    best = 0.0
    multiply = backend.compile(lambda a, b: ops.sum(ops.matmul(a, b)))
    for size in _SIZES:
        a, b = (backend.normal((size, size), (0, number)) for number in (1, 2))
        float(multiply(a, b))
        end = time.perf_counter() + _SECONDS
        while time.perf_counter() < end:
            begin = time.perf_counter()
            float(multiply(a, b))
            best = max(best, 2 * size**3 / (time.perf_counter() - begin))
    return best


def _learn_texture(run: Path, flags: Mapping) -> float:
    from benchmarks.iccv_introspective import flop
    from reproductions.iccv_introspective.report import read_losses

    rows = read_losses(run)
    learned = sum(row.steps for row in rows if row.phase == "learning")
    moved = sum(row.steps for row in rows if row.phase == "synthesis")
    patches = flags["patches"]
    return learned * flop(patches, True) + moved * flop(patches, False)


def _texture_train(run: Path, flags: Mapping) -> float:
    from benchmarks.texture_nets import descriptor_flop, generator_flop
    from reproductions.texture_nets.model_file import load_generator

    side, batch = flags["image_size"], flags["batch_size"]
    layers = load_generator(run / "model.keras").layers
    kernels = {layer.name: layer.kernel.shape for layer in layers if hasattr(layer, "kernel")}
    step = generator_flop(kernels, batch * side**2, training=True)
    step += batch * descriptor_flop(side, flags["vgg_no_pad"])
    return flags["num_iterations"] * step


def _synthesize(run: Path, flags: Mapping) -> float:
    from benchmarks.multiscale import flop
    from reproductions.multiscale.report import read_losses

    *_, last = read_losses(run)
    return last[1] * flop(flags["output_width"], flags["octaves"])


#: Script -> from a run's folder and flags to the multiplications and additions of its networks'
#: convolutions, as the benchmarks count them.
WORK: dict[str, Callable[[Path, Mapping], float]] = {
    "learn_texture": _learn_texture,
    "synthesize": _synthesize,
    "texture_train": _texture_train,
}
