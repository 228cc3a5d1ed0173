"""The self-check: runs the comparisons of all papers."""

import importlib
import sys
import time
from collections.abc import Sequence

from common.originals import REPOSITORY
from reproductions.suite.doctor.checks import Comparison
from reproductions.suite.doctor.findings import Findings
from reproductions.suite.papers import PAPERS

REFERENCES = REPOSITORY / "tests" / "references"


def look(findings: Findings) -> None:
    """Runs the check of every paper."""
    if "common.backend" not in sys.modules:
        findings.good("left out", "it needs Keras and its backend")
        return
    if not REFERENCES.is_dir():
        findings.good("left out", f"the reference numbers are not here: {REFERENCES}")
        return
    begin = time.perf_counter()
    for package in (paper.package for paper in PAPERS):
        findings.announce(package)
        start = time.perf_counter()
        try:
            check = importlib.import_module(f"reproductions.suite.doctor.checks.{package}").check
            compared = check(REFERENCES)
        except Exception as error:
            reason = " ".join(str(error).split())[:300]
            findings.wrong(package, f"cannot be checked: {type(error).__name__}: {reason}")
        else:
            tell(findings, package, compared, time.perf_counter() - start)
    print(f"  took {time.perf_counter() - begin:.1f} s")


def tell(findings: Findings, package: str, compared: Sequence[Comparison], seconds: float) -> None:
    """Tells what a check found, a line for each comparison."""
    if all(one.passed for one in compared):
        findings.good(package, f"ok, {seconds:.1f} s")
    else:
        findings.wrong(package, f"FAILED, {seconds:.1f} s: the numbers are not the originals'")
    for one in compared:
        verdict = "ok" if one.passed else "FAILED"
        print(f"    {one.what:32} {verdict:6} error {one.error:.1e}, allowed {one.allowed:.0e}")
