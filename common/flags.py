"""Command lines: flags, presets, and how an entry script ends."""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

from absl import app
from absl import flags as absl_flags
from absl.flags import argparse_flags

from common import machine
from common.errors import UserError

Presets = Mapping[str, Mapping[str, object]]


class DefaultsInWords(argparse.ArgumentDefaultsHelpFormatter):
    """Shows defaults, but for those that are none or that the help tells of in words."""

    def _get_help_string(self, action: argparse.Action) -> str:
        if action.default is None or "default" in action.help:
            return action.help
        return super()._get_help_string(action)


class Parser(argparse_flags.ArgumentParser):
    """Abseil's argument parser, with help that shows defaults and one-line errors.

    Args:
        prog: the script's name, in usage and errors.
        description: the first line of the help.
        separator: what stands between the words of a flag's name.
        formatter: of the help.
        computes: whether the script does, and so takes the flags of `common.machine`.
    """

    def __init__(
        self,
        prog: str,
        description: str,
        separator: str = "-",
        formatter: type = argparse.ArgumentDefaultsHelpFormatter,
        computes: bool = True,
    ):
        super().__init__(
            prog=prog,
            description=description,
            formatter_class=formatter,
            # Abseil's own flags (logging and so on) are of no use to the scripts.
            inherited_absl_flags=None,
        )
        self.context = ""
        self.separator = separator
        self._computes = computes
        if computes:
            machine.add_flags(self)

    def parse_args(self, args=None, namespace=None) -> argparse.Namespace:
        """The flags, without those of `common.machine`, which it notes."""
        values = super().parse_args(args, namespace)
        return machine.take_flags(values) if self._computes else values

    def error(self, message: str) -> NoReturn:
        """Ends the script with one line and exit status 2."""
        self.exit(2, f"{self.prog}: error: {self.context}{message} (-h shows all flags)\n")


def path(text: str) -> str:
    """A flag's type: a path; `~` is the home folder."""
    if not text.strip():
        raise argparse.ArgumentTypeError("must not be empty")
    return os.path.expanduser(text)


def positive_int(text: str) -> int:
    """A flag's type: a whole number, 1 or more."""
    return _at_least(1, int, text)


def non_negative_int(text: str) -> int:
    """A flag's type: a whole number, 0 or more."""
    return _at_least(0, int, text)


def whole_number(smallest: int, largest: int | None = None) -> Callable[[str], int]:
    """A flag's type: a whole number from `smallest` to `largest`, or without an end."""

    def kind(text: str) -> int:
        value = _at_least(smallest, int, text)
        if largest is not None and value > largest:
            raise argparse.ArgumentTypeError(f"must be {largest} or less, got {text}")
        return value

    return kind


def width_and_height(text: str, smallest: int = 1, largest: int | None = None) -> tuple[int, int]:
    """A flag's type: a side, or WIDTHxHEIGHT, each from `smallest` to `largest`."""
    kind = whole_number(smallest, largest)
    try:
        sides = [kind(side) for side in text.lower().split("x")]
    except argparse.ArgumentTypeError:
        sides = []
    if len(sides) not in (1, 2):
        pixels = f", {smallest} to {largest} pixels" if largest else ""
        raise argparse.ArgumentTypeError(f"must be a side or WIDTHxHEIGHT{pixels}, got {text!r}")
    return sides[0], sides[-1]


def seed(text: str) -> int:
    """A flag's type: a seed of random numbers, a whole number from 0 to 2^32 - 1."""
    if text.isdecimal() and len(text) < 20 and int(text) < 2**32:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be a whole number from 0 to {2**32 - 1}, got {text!r}")


def fraction(text: str) -> float:
    """A flag's type: a number from 0 to below 1."""
    value = finite_float(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"must be from 0 to below 1, got {text}")
    return value


def positive_float(text: str) -> float:
    """A flag's type: a number above 0."""
    value = finite_float(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"must be above 0, got {text}")
    return value


def non_negative_float(text: str) -> float:
    """A flag's type: a number, 0 or above."""
    value = finite_float(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"must be 0 or above, got {text}")
    return value


def finite_float(text: str) -> float:
    """A flag's type: any number but nan, infinities and what float32 takes for one."""
    value = _number(float, text)
    if not abs(value) < 3.4e38:
        raise argparse.ArgumentTypeError(f"must be a finite 32-bit number, got {text}")
    return value


def _number(kind: type, text: str):
    try:
        if "_" in text:  # which Python allows between digits
            raise ValueError
        return kind(text)
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        raise argparse.ArgumentTypeError(f"must be {what}, got {text!r}") from None


def _at_least(smallest: int, kind: type, text: str):
    value = _number(kind, text)
    if value < smallest:
        raise argparse.ArgumentTypeError(f"must be {smallest} or more, got {text}")
    return value


def as_arguments(flags: Mapping[str, object], separator: str = "-") -> list[str]:
    """Writes flags as the words of a command line.

    Args:
        flags: name -> number, string, list, True for a flag without value, None or False for a
            flag not given.
        separator: of the parser.
    """
    words = []
    for name, value in flags.items():
        flag = "--" + name.replace("_", separator)
        if isinstance(value, list):
            words += [flag, *map(str, value)]
        elif value is True:
            words.append(flag)
        elif value is not None and value is not False:
            words.append(f"{flag}={value}")
    return words


def resolve(
    parser: Parser,
    argv: Sequence[str],
    presets: Presets,
    saved: Callable[[str], Mapping[str, object]] | None = None,
    may_change: Sequence[str] = (),
    of_call: Sequence[str] = ("resume",),
) -> argparse.Namespace:
    """Puts together defaults, a preset or a resumed run's flags, and the flags given.

    A preset and a run's flags are put in front of the command line, where what is given overrides
    them; so they are checked like it.

    Args:
        parser: the script's parser; flags `--preset` and `--resume` of it are honoured here.
        argv: the words after the script's name.
        presets: preset -> flag -> value.
        saved: from the argument of `--resume` to the flags of that run.
        may_change: flags that may differ in a resumed run.
        of_call: arguments that belong to the call and not to the run.

    Returns:
        All flags. A flag given beats a preset, which beats the default.
    """
    values = parser.parse_args(argv)
    if getattr(values, "resume", None) is not None and saved is not None:
        first = as_arguments(saved(values.resume), parser.separator)
        parser.context = f"the flags saved in {values.resume}: "
        before = vars(parser.parse_args(first))
        parser.context = ""
        values = parser.parse_args([*first, *argv])
        for name, value in vars(values).items():
            if before[name] != value and name not in (*of_call, *may_change):
                changed, *allowed = as_arguments(
                    dict.fromkeys((name, *may_change), True), parser.separator
                )
                parser.error(
                    f"{changed} cannot change in a resumed run; only {', '.join(allowed)} can"
                )
    elif getattr(values, "preset", None) is not None:
        values = parser.parse_args([*as_arguments(presets[values.preset], parser.separator), *argv])
    return values


def given(parser: Parser, argv: Sequence[str]) -> set[str]:
    """The names of the flags that a command line has, whatever their values.

    Args:
        parser: the script's parser.
        argv: the words after the script's name.
    """
    absent = object()
    namespace = argparse.Namespace(**dict.fromkeys(vars(parser.parse_args(argv)), absent))
    return {k for k, v in vars(parser.parse_args(argv, namespace)).items() if v is not absent}


def refuse(parser: Parser, argv: Sequence[str], names: Sequence[str], reason: str) -> None:
    """Ends the script if it was given a flag that is of no effect there.

    Flags of presets and of resumed runs are not refused.

    Args:
        parser: the script's parser.
        argv: the words after the script's name.
        names: of the flags without effect.
        reason: why they have none, such as `without --grow it has no effect`.
    """
    found = given(parser, argv)
    for name in names:
        if name in found:
            [flag] = as_arguments({name: True}, parser.separator)
            parser.error(f"argument {flag}: {reason}")


def run(parse: Callable, main: Callable[[argparse.Namespace], None]) -> NoReturn:
    """Runs an entry script: a user's mistake becomes one line and exit status 1.

    Args:
        parse: from the words after the script's name to the flags.
        main: the script's work.
    """

    def guarded(work: Callable):
        try:
            return work()
        except UserError as error:
            print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
            sys.exit(1)
        except MemoryError as error:
            print(f"error: not enough memory: {error}", file=sys.stderr)
            sys.exit(1)
        except BrokenPipeError:  # as by `| head`; Python would complain once more as it ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            sys.exit(130)

    def parse_all(argv: Sequence[str]) -> argparse.Namespace:
        absl_flags.FLAGS.mark_as_parsed()
        return guarded(lambda: parse(argv[1:]))

    app.run(lambda values: guarded(lambda: main(values)), flags_parser=parse_all)
