"""What the programs that make pictures share: their flags."""

from pathlib import Path

from common.flags import Parser, positive_int, seed


def parser(script: str, description: str, images: int, folder: str) -> Parser:
    """The command line of a program that draws any number of pictures from a seed.

    Args:
        script: its name.
        description: the first line of the help.
        images: how many it draws by default.
        folder: where to, by default.
    """
    parser = Parser(script, description, separator="_", computes=False)
    parser.add_argument("--images", type=positive_int, default=images, help="how many")
    parser.add_argument("--seed", type=seed, default=0, help="of all that varies")
    add_folder(parser, Path(folder))
    return parser


def add_folder(parser: Parser, default: Path) -> None:
    """Adds the flag of the folder that takes the files."""
    parser.add_argument("--output_dir", type=Path, default=default, help="folder for them")
