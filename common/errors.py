"""The one exception that stands for a user's mistake."""


class UserError(Exception):
    """Something the user can mend: a missing file, a picture too small, a bad value.

    Its message is one line that says what is wrong and what would be right. Entry scripts print
    it without a traceback and end with exit status 1 (see `common.flags.run`).
    """
