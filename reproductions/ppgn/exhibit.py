"""Sampling and training runs in the gallery."""

from collections.abc import Mapping
from pathlib import Path

from common.exhibit import (
    Curve,
    Exhibit,
    Picture,
    curves,
    existing,
    numbered,
    numbers,
    read_columns,
    read_figures,
    seconds_of,
)

#: Last images, and chains with a curve, that are shown at most.
_FINALS, _CURVES = 6, 4

_TRAINED = {
    "train_generator.py": "a generator of",
    "train_classifier.py": "a classifier of",
    "train_prior.py": "a prior of",
}


def exhibit(run: Path, settings: Mapping[str, object]) -> Exhibit:
    """What a run has to show.

    Args:
        run: its folder.
        settings: its `run.json`.
    """
    flags = settings.get("flags")
    flags = flags if isinstance(flags, Mapping) else {}
    if settings.get("script") in _TRAINED:
        return _training(run, str(settings["script"]), flags)
    return _sampling(run, flags)


def _sampling(run: Path, flags: Mapping[str, object]) -> Exhibit:
    """Chains: their images lie beside the run's folder, as the original's do."""
    beside = run.parent
    table = read_columns(run / "steps.csv")
    chains = list(dict.fromkeys(table.get("chain", ())))
    start = Path(str(flags.get("init_file")))
    # Chains that ran alone share the folder of samples: they are the newest run's.
    runs = [path.parent for path in beside.glob("*.run/run.json")]
    latest = max(runs, key=lambda path: (path / "run.json").stat().st_mtime, default=run)
    kept = flags.get("save_every") != 0 and (len(chains) > 1 or latest.name == run.name)
    return Exhibit(
        title=_title(flags),
        sources=existing(Picture(start, f"the start: {start.name}")) if start.is_absolute() else [],
        growth=_samples(beside, chains, table) if kept else [],
        results=existing(
            *(
                Picture(beside / f"sheet_{name}.jpg", "the last images of all chains")
                for name in chains[:1]
            ),
            *(
                Picture(beside / f"{name}.jpg", f"the last image of chain {number}")
                for number, name in enumerate(chains[:_FINALS], 1)
            ),
        ),
        axis="step",
        curves=_probabilities(chains, table),
        seconds=seconds_of(table),
    )


def _title(flags: Mapping[str, object]) -> str:
    if sentence := flags.get("sentence"):
        return f"“{str(sentence).replace('_', ' ')}”"
    units = str(flags.get("units", "")).split("_")
    names = ", ".join(units[:10]) + (", ..." if len(units) > 10 else "")
    layer = flags.get("act_layer")
    what = "class" if layer in ("fc8", "prob") else f"unit of {layer}:"
    if what == "class" and len(units) > 1:
        what = "classes"
    verb = "filled in" if flags.get("epsilon4") else "sampled"
    return f"{what} {names}, {verb}"


def _samples(beside: Path, chains: list[str], table: Mapping[str, list[str]]) -> list[Picture]:
    """The kept samples of the first chain."""
    if not chains:
        return []
    folder = beside / "samples" if len(chains) == 1 else beside / "samples" / chains[0]
    steps = set(numbers(table.get("step", ())))
    return [
        Picture(path, f"step {step}")
        for step, path in numbered(folder, r"(\d+)\.jpg")
        if step in steps
    ]


def _probabilities(chains: list[str], table: Mapping[str, list[str]]) -> list[Curve]:
    found = []
    for number, name in enumerate(chains[:_CURVES], 1):
        own = [place for place, chain in enumerate(table["chain"]) if chain == name]
        x, y = (
            numbers([table.get(column, [])[place] for place in own])
            for column in ("step", "probability")
        )
        label = "probability of the condition"
        found.append(Curve(label if len(chains) == 1 else f"{label}, chain {number}", x, y))
    return found


def _training(run: Path, script: str, flags: Mapping[str, object]) -> Exhibit:
    table = read_columns(run / "losses.csv")
    growth = [
        Picture(path, f"after iteration {number}" if number else "before training")
        for number, path in numbered(run / "samples", r"iteration_(\d+)\.png")
    ]
    return Exhibit(
        title=f"{_TRAINED[script]} {Path(str(flags.get('dataset', 'pictures'))).name}",
        growth=growth,
        results=[Picture(picture.path, f"made {picture.caption}") for picture in growth[-1:]],
        curves=curves(table, "iteration", without=("iteration", "seconds")),
        seconds=seconds_of(table),
        figures=read_figures(run / "report.json"),
    )
