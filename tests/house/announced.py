"""What is announced for later parts and not used yet, by name: whatever else nobody uses is found by a test."""

from collections.abc import Mapping
from typing import Final

from makima_gateway.auth.policy import Rule

# Routes that are to come, and who may use them then. A row moves to the gateway's policy with its route, and
# not
# before: the row of a route that is not there would grant what a later author adds under the same name.
ROUTES: Final[Mapping[str, Rule]] = {}

# Events that are read and that no service writes.
EVENTS: Final = frozenset[str]()

# Commands that no service handles.
COMMANDS: Final = frozenset[str]()

# Settings that nobody reads, as `table.name`.
SETTINGS: Final = frozenset[str]()

# Names in `makima_schemas.subjects` that nobody uses.
SUBJECTS: Final = frozenset[str]()
