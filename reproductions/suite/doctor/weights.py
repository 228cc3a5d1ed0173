"""The pretrained weights: which are there, and whether they are whole."""

import os
import sys
import zipfile
from pathlib import Path

from common.errors import UserError
from common.weights import (
    MANIFEST,
    Pretrained,
    locate,
    manifest,
    pretrained_dir,
    size_in_words,
)
from reproductions.suite.doctor.findings import Findings

#: A size that is known about may be wrong by this part.
_ABOUT = 0.01


def look(findings: Findings) -> None:
    """Looks at the manifest's files, and at the networks that are kept with the suite."""
    print(f"  in {pretrained_dir()}; none of these is needed, but squeezenet makes better textures")
    for row in manifest().values():
        _look_at(row, findings)
    kept = sorted(MANIFEST.parent.glob("*.keras"))
    if not kept:
        findings.wrong("kept networks", f"there are none in {MANIFEST.parent}: make pretrained")
    for path in kept:
        _look_at_network(path, findings)
    _look_at_drawn(findings)


def _look_at(row: Pretrained, findings: Findings) -> None:
    path = locate(row.name)
    if path is None:
        size = f", {size_in_words(row.bytes)}" if row.bytes else ""
        findings.good(row.name, f"not here{size}: python -m common.weights get {row.name}")
        return
    # A checksum of half a gigabyte takes a while.
    findings.announce(row.name)
    problem = damage(path, row)
    if problem:
        findings.wrong(row.name, problem)
    else:
        findings.good(row.name, f"{size_in_words(path.stat().st_size)}, {_held_to(row, path)}")


def damage(path: Path, row: Pretrained) -> str | None:
    """Says what is wrong with a file, if anything is.

    Args:
        path: of the file, which is there.
        row: of the manifest.
    """
    size = path.stat().st_size
    remedy = f"remove it, then python -m common.weights get {row.name}"
    if not size:
        return f"{path} is empty: {remedy}"
    if row.bytes and abs(size - row.bytes) > _ABOUT * row.bytes:
        return f"{path} has {size:,} bytes, not {row.bytes:,}: {remedy}"
    with open(path, "rb") as file:
        if file.read(512).lstrip().lower().startswith((b"<!doctype html", b"<html")):
            return f"{path} is a web page: {remedy}"
    try:
        from common.download import fetch

        # With no address the network is not asked; a file that is there is held to its checksum.
        sums = {"sha256": row.sha256, "sha1": row.sha1, "md5": row.md5, "git_blob": row.git_blob}
        fetch((), path, **sums)
    except UserError as error:
        return str(error)
    return None


def _held_to(row: Pretrained, path: Path) -> str:
    published = {"SHA-256": row.sha256, "SHA-1": row.sha1, "MD5": row.md5, "git blob": row.git_blob}
    names = [name for name, digest in published.items() if digest]
    if names:
        return f"{' and '.join(names)} as published"
    if path.with_name(f"{path.name}.sha256").is_file():
        return "SHA-256 as when it was downloaded"
    return "put here by hand: no checksum is known"


def _look_at_drawn(findings: Findings) -> None:
    path = MANIFEST.parent / "drawn_textures.npz"
    try:
        from common.descriptors.drawn import read_drawn  # which needs NumPy

        weights = read_drawn(path)
    except (UserError, ImportError) as error:
        findings.wrong(path.stem, f"{error}: git checkout pretrained, or make pretrained")
        return
    count = sum(one.size for pair in weights.values() for one in pair)
    findings.good(path.stem, f"{size_in_words(path.stat().st_size)}, {count:,} weights")


def _look_at_network(path: Path, findings: Findings) -> None:
    name, size = path.stem, os.path.getsize(path)
    remedy = "git checkout pretrained, or make pretrained"
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
        if broken:
            raise ValueError(f"{broken} in it is damaged")
        if "keras" not in sys.modules:
            findings.good(name, f"{size / 1e6:.1f} MB, whole (Keras is not here to read it)")
            return
        import keras

        count = keras.models.load_model(path, compile=False).count_params()
        findings.good(name, f"{size / 1e6:.1f} MB, {count:,} weights")
    except Exception as error:  # of Keras, zipfile, h5py: all mean that it cannot be read
        reason = " ".join(str(error).split())[:200]
        findings.wrong(name, f"{path} cannot be read: {reason}: {remedy}")
