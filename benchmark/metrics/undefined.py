"""The exception for a score that its input leaves undefined."""


class UndefinedMetric(ValueError):
    """The input is well formed, yet the score has no value on it; the message is the reason.

    A caller that stores scores turns it into a null with this reason, never into a stand-in number.
    """
