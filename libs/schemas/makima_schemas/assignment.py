"""Who may run a contract: the rule by which the log gives it to a daemon (agents.md, Assignment).

`ContractAssigned` says who runs a contract. Before there is one, the daemon whose supervisor was heard first
has it, if it serves the owner; logs of before have nothing else.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Admission:
    """What the newest `DaemonAdmitted` of a daemon says."""

    owner: str | None  # the owner whose contracts it runs; None: of every owner


def serves(admission: Admission | None, owner_id: str) -> bool:
    """True if the daemon may run contracts of this owner.

    Without an admission it is known from before there were any, and serves every owner.
    """
    return admission is None or admission.owner in (None, owner_id)
