"""The phases that a new contract may be given: those of its events, within bounds."""

from typing import Annotated, Final

from pydantic import AfterValidator

from makima_schemas.contract.model import MinComplete, Phase

MAX_REQUIRED_TASKS: Final = 100_000


def _possible(phases: tuple[Phase, ...]) -> tuple[Phase, ...]:
    """Raises `ValueError` for a gate that requires more tasks than a phase can have."""
    for phase in phases:
        tasks = phase.gate.required_tasks
        if isinstance(tasks, MinComplete) and tasks.min_complete > MAX_REQUIRED_TASKS:
            raise ValueError(f"min_complete of phase {phase.name} is above {MAX_REQUIRED_TASKS}")
    return phases


# The phases of a new contract. The bound is not one of `MinComplete`, which stands in events: a log from before
# it must still open.
NewPhases = Annotated[tuple[Phase, ...], AfterValidator(_possible)]
