"""Ids, and the names of streams and their categories."""

import re
from typing import Literal

Category = Literal["contract", "supervisor", "agent", "daemon", "completion", "silence"]
CATEGORIES: tuple[Category, ...] = ("contract", "supervisor", "agent", "daemon", "completion", "silence")

ID_PATTERN = r"^[A-Za-z0-9_-]{1,64}$"
_id = re.compile(ID_PATTERN[1:-1]).fullmatch  # a bound method for speed: each heartbeat has four ids to check

DEFAULT_TENANT = "default"


def is_id(text: str) -> bool:
    """True if `text` is a valid id or role (domain.md: `[A-Za-z0-9_-]{1,64}`)."""
    return _id(text) is not None


def stream_name(category: Category, entity_id: str) -> str:
    """The name of an entity's stream in the log, e.g. `contract-42`."""
    return f"{category}-{entity_id}"


def split_stream(stream: str) -> tuple[str, str]:
    """`contract-42` → (`contract`, `42`); the id may contain further hyphens."""
    category, _, entity_id = stream.partition("-")
    return category, entity_id


def agent_id(contract_id: str, role: str) -> str:
    """The id of an agent's stream.

    Neither a contract id nor a role contains a colon, so it can be split again.
    """
    return f"{contract_id}:{role}"


def agent_actor(contract_id: str, role: str) -> str:
    """The actor of what an agent did by a token of its own, as the log records it."""
    return f"agent:{agent_id(contract_id, role)}"


def role_of_actor(actor: str) -> str | None:
    """The role of the agent that did it by a token of its own; None for every other actor."""
    kind, _, name = actor.partition(":")
    return name.partition(":")[2] or None if kind == "agent" else None


def is_agent_id(text: str) -> bool:
    """True for `<contract_id>:<role>`."""
    contract_id, _, role = text.partition(":")
    return is_id(contract_id) and is_id(role)
