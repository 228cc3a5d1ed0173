"""Where the originals' pictures and published models lie."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


def originals_dir() -> Path:
    """Returns the folder that `ORIGINALS_DIR` names; by default what `datasets/download.py` fills.

    The folder need not exist: tests that read from it are skipped where a file is missing.
    """
    return Path(os.environ.get("ORIGINALS_DIR") or REPOSITORY / "datasets" / "originals")
