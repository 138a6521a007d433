"""Mistakes of the user's."""


class UserError(Exception):
    """Something the user can put right: one line saying what is wrong, where, and what would be right.

    The command line prints it without a traceback and exits with code 2.
    """
