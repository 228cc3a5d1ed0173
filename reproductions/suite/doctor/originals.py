"""The pictures: the built-in textures, and the originals' own."""

from collections import Counter

from common.originals import REPOSITORY, originals_dir
from reproductions.suite.doctor.findings import Findings

TEXTURES = REPOSITORY / "datasets" / "textures"


def look(findings: Findings) -> None:
    """Looks at both."""
    _look_at_textures(findings)
    _look_at_originals(findings)


def _look_at_textures(findings: Findings) -> None:
    from PIL import Image

    paths = sorted(TEXTURES.glob("*.png"))
    if not paths:
        findings.wrong("built-in textures", f"none in {TEXTURES}: python datasets/make_textures.py")
        return
    broken = []
    for path in paths:
        try:
            with Image.open(path) as image:
                image.load()
        except (OSError, SyntaxError):  # Pillow's, of a damaged PNG
            broken.append(path.stem)
    if broken:
        again = f"python datasets/make_textures.py {' '.join(broken)}"
        findings.wrong("built-in textures", f"damaged: {', '.join(broken)}: {again}")
    else:
        findings.good("built-in textures", f"{len(paths)} in datasets/textures")


def _look_at_originals(findings: Findings) -> None:
    from common.download import fetch
    from common.errors import UserError
    from datasets.download import table

    folder, rows = originals_dir(), table()
    here, problems = Counter(), []
    for row in rows:
        path = folder / row.path
        if not path.is_file():
            continue
        here[row.group] += 1
        try:
            fetch((), path, sha256=row.sha256)  # with no address the network is not asked
        except UserError as error:
            problems.append(str(error))
    for problem in problems:
        findings.wrong("originals", problem)
    print(f"  the originals' own, which only some tests and recipes need, in {folder}")
    for group, count in Counter(row.group for row in rows).items():
        how = "" if here[group] == count else f": python datasets/download.py {group}"
        findings.good(group, f"{here[group]} of {count} files{how}")
