"""Which connections of a sender are fenced: the one rule of recorder, detector and deciders (agents.md)."""

from typing import Final

# Superseded connection ids that are remembered of each sender. An agent's older ones are in the table
# `agent_connections`: they stay fenced, too.
REMEMBERED_CONNECTIONS: Final = 64


def fence(fenced: tuple[str, ...], replaced: str | None, by: str | None) -> tuple[str, ...]:
    """The fenced connection ids, newest last, after connection `by` replaced another one.

    Nothing changes if there was none before, or if it is the same one.
    """
    if replaced is None or replaced == by:
        return fenced
    return (*(each for each in fenced if each != replaced), replaced)[-REMEMBERED_CONNECTIONS:]
