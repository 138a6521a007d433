"""What goes wrong with data."""


class DataError(ValueError):
    """Data cannot be had or is not what it should be; the message says which, what and what would be right."""
