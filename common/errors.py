"""What a user is told in one line: mistakes and warnings."""

import sys


class UserError(Exception):
    """Something the user can mend: a missing file, a picture too small, a bad value.

    Its message is one line that says what is wrong and what would be right. Entry scripts print
    it without a traceback and end with exit status 1 (see `common.flags.run`).
    """


def warn(message: str) -> None:
    """Prints one line of warning to standard error."""
    print(f"warning: {message}", file=sys.stderr)
