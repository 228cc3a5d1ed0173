"""`python -m reproductions doctor`: what is installed, what is there, and whether it computes."""

import argparse
from collections.abc import Callable, Sequence

from common.machine import chosen_backend
from reproductions.suite.doctor import checking, device, installed, machine, originals, weights
from reproductions.suite.doctor.findings import Findings

#: In the order in which they are looked at: device imports Keras for those below it.
PARTS: dict[str, Callable[[Findings], None]] = {
    "Installed": installed.look,
    "Machine": machine.look,
    "Device": device.look,
    "Pretrained weights": weights.look,
    "Pictures": originals.look,
    "Self-check": checking.look,
}


def main(argv: Sequence[str]) -> int:
    """Looks at everything; a part that fails does not stop the others.

    Args:
        argv: the words after `doctor`.

    Returns:
        The exit status: 0, or 1 if something that is needed is missing, damaged or wrong.

    Raises:
        UserError: KERAS_BACKEND names no backend, so that it is not known what is needed.
    """
    parser = argparse.ArgumentParser(
        prog="python -m reproductions doctor",
        description="Says what is installed, which weights and pictures are there, what will "
        "compute, and whether that computes what it should. Nothing is downloaded or changed.",
    )
    parser.add_argument("--no_check", action="store_true", help="leave out the self-check")
    flags = parser.parse_args(argv)
    chosen_backend()
    findings = Findings()
    for title, look in PARTS.items():
        if flags.no_check and look is checking.look:
            continue
        findings.begin(title)
        try:
            look(findings)
        except Exception as error:  # whatever is broken here is what the user wants to know
            findings.wrong(title, f"{type(error).__name__}: {' '.join(str(error).split())}")
    findings.end()
    return 1 if findings.count else 0
