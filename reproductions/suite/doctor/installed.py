"""Whether what the backend's `requirements*.txt` asks for is installed."""

import platform
import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from common.machine import REQUIREMENTS, chosen_backend
from common.originals import REPOSITORY
from reproductions.suite.doctor.findings import Findings

_HOLDS = {">=": lambda a, b: a >= b, "<": lambda a, b: a < b}


def look(findings: Findings) -> None:
    """Looks at Python and at every requirement.

    Nothing is imported, so that this works where nothing is installed.
    """
    asked = re.search(r'requires-python = "(.*)"', (REPOSITORY / "pyproject.toml").read_text())
    tell(findings, "Python", platform.python_version(), asked[1], "install a later Python")
    install = f"python -m pip install -r {REQUIREMENTS[chosen_backend()]}, or make demo"
    for name, bounds in requirements(REPOSITORY / REQUIREMENTS[chosen_backend()]):
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            version = None
        if version is None:  # also where its files are damaged
            findings.wrong(name, f"not installed: {install}")
        else:
            tell(findings, name, version, bounds, install)


def tell(findings: Findings, name: str, version: str, bounds: str, remedy: str) -> None:
    """Tells a version and whether it will do.

    Args:
        findings: where it is told.
        name: of the package.
        version: that is installed.
        bounds: such as `>=3.11.3,<4`.
        remedy: what to do if it will not.
    """
    if satisfies(version, bounds):
        findings.good(name, f"{version:10} ({bounds})")
    else:
        findings.wrong(name, f"{version}, but {bounds} is needed: {remedy}")


def requirements(path: Path) -> Iterator[tuple[str, str]]:
    """The name and the bounds of each requirement.

    Args:
        path: of a file for pip, which may take in others (`-r`).
    """
    for line in path.read_text().splitlines():
        if other := re.fullmatch(r"-r\s+(\S+)", line.strip()):
            yield from requirements(path.with_name(other[1]))
        elif line.strip() and not line.startswith("#"):
            yield re.fullmatch(r"([\w.-]+)(.*)", line.strip()).groups()


def satisfies(version: str, bounds: str) -> bool:
    """Whether a version is within bounds, by its numbers; what follows them does not count.

    Args:
        version: such as `2.21.0` or `3.12.0rc1`.
        bounds: `>=` and `<`, with commas between them.

    Raises:
        KeyError: another operator.
    """
    return all(
        _HOLDS[operator](*_of_one_length(_numbers(version), _numbers(bound)))
        for operator, bound in re.findall(r"([<>=!~]+)\s*([^,\s]+)", bounds)
    )


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.match(r"\d+(\.\d+)*", version)[0].split(".")]


def _of_one_length(*lists: list[int]) -> list[list[int]]:
    longest = max(map(len, lists))
    return [one + [0] * (longest - len(one)) for one in lists]
