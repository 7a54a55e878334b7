"""Why a fault is not tried on this machine."""


class SkippedError(Exception):
    """The message says what is missing."""
