"""Data that cannot be used."""


class DataError(Exception):
    """Data cannot be had or are malformed; one line says what, where, and what would be right."""


class Unavailable(DataError):
    """Data are not where they were looked for: a data set that cannot be reached, a file that was never made."""


def first_line(error: BaseException) -> str:
    """The first line of an error's message; its class where it has none."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
