"""Whether an agent's heartbeat counts, and what its daemon is told. A heartbeat never revives: a join does."""

from makima_supervisor_heartbeat.domain.agents.agent import Agent
from makima_supervisor_heartbeat.domain.contracts import Contracts
from makima_supervisor_heartbeat.domain.heartbeats import Beat
from makima_supervisor_heartbeat.domain.signals import Signals


class AgentHeartbeats:
    def __init__(self, contracts: Contracts, signals: Signals) -> None:
        self._contracts, self._signals = contracts, signals

    def counts(self, agent: Agent, beat: Beat) -> bool:
        """False if the connection is not in force: the heartbeat is kept in the history only.

        A connection that is neither in force nor among those remembered as fenced is told to join; the join knows
        whether it was ever fenced.
        """
        in_force = agent.connection_id in (None, beat.connection_id)
        contract = self._contracts.assigned(beat.contract_id or "")
        if contract is None:
            return in_force  # which contracts exist is not told
        daemons = (None, contract.daemon_id, agent.daemon_id)
        if contract.daemon_id is not None and beat.address.daemon_id not in daemons:
            self._signals.notify("superseded", beat)
            return False
        if in_force and agent.alive:
            return True
        fenced = not in_force and beat.connection_id in agent.fenced
        self._signals.notify("superseded" if fenced else "rejoin_required", beat)
        return in_force
