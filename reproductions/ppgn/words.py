"""Names of classes, and the captioner's vocabulary."""

import difflib
from pathlib import Path

from common.errors import UserError

MISC = Path(__file__).resolve().parent / "misc"
SYNSETS, PLACES, VOCABULARY = "synset_words.txt", "categoryIndex_places205.txt", "vocabulary.txt"


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not text") from None


def class_names(path: str | Path) -> list[str]:
    """The names of the classes, in the order of the units.

    Args:
        path: a line for each class: `n01440764 tench, Tinca tinca` (the first name counts),
            `abbey 0`, or just a name.

    Raises:
        UserError: the file cannot be read.
    """
    names = []
    for line in _lines(Path(path)):
        name, _, rest = line.split(",")[0].strip().partition(" ")
        is_synset = len(name) == 9 and name[0] == "n" and name[1:].isdecimal()
        names.append(rest if is_synset else name if rest.isdecimal() else f"{name} {rest}".strip())
    return names


def names_of_units(units: int) -> list[str]:
    """The classes of ImageNet or MIT Places, if there are as many units; otherwise none."""
    for file in (SYNSETS, PLACES):
        names = class_names(MISC / file)
        if len(names) == units:
            return names
    return []


def label(names: list[str], layer: str, unit: int) -> str:
    """What is written under a sample: the class, or the layer and the unit."""
    return names[unit] if 0 <= unit < len(names) else f"{layer} {unit}"


def convert_words_into_numbers(vocabulary: str | Path, words: list[str]) -> list[int]:
    """Turns a sentence into the captioner's numbers: lines of the vocabulary from 1, then 0.

    Args:
        vocabulary: a file with a word in each line.
        words: of the sentence, without its end.

    Raises:
        UserError: a word is not in the vocabulary; names near ones.
    """
    lines = _lines(Path(vocabulary))
    # As in the original the first line counts where a word is there twice.
    numbers = {word: i for i, word in reversed(list(enumerate(lines, 1)))}
    for word in words:
        if word not in numbers:
            near = difflib.get_close_matches(word, lines, 5, 0.6)
            hint = f"near ones: {', '.join(near)}" if near else f"{vocabulary} lists them"
            raise UserError(f"the captioner does not know the word {word!r}; {hint}")
    return [*(numbers[word] for word in words), 0]
