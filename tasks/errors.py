"""Data that cannot be used."""


class DataError(Exception):
    """Data cannot be had or are malformed; one line says what, where, and what would be right."""


class Unavailable(DataError):
    """Data are not where they were looked for: a data set that cannot be reached, a file that was never made."""
