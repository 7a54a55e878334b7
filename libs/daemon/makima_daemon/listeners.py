"""The processes of agents that listen at the local socket for what the daemon has to say to them."""

from collections.abc import Callable

from makima_schemas.identity import agent_id, is_id

from makima_daemon import event_log
from makima_daemon.local_socket import InvalidRequestError, Message
from makima_daemon.roster import Roster
from makima_daemon.subscriber import Subscriber


class Listeners:
    """At most one for each agent that the daemon runs: the newest."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._listening: dict[str, Subscriber] = {}  # by agent id

    def subscribe(self, message: Message, subscriber: Subscriber) -> Callable[[], None]:
        """Operation `signals`; returns what ends it. Only for a process in the session that the daemon started for the
        agent: what any other one knows or says does not count.

        Raises `InvalidRequestError`.
        """
        contract_id, role = message.get("contract_id"), message.get("role")
        if not (
            isinstance(contract_id, str) and is_id(contract_id) and isinstance(role, str) and is_id(role)
        ):
            raise InvalidRequestError("contract_id and role are ids")
        agent = self._roster.find(contract_id, role)
        if agent is None or agent.process is None or subscriber.session != agent.process.id.pid:
            raise InvalidRequestError("signals are for the process that the daemon runs for this agent")
        name = agent_id(contract_id, role)
        if before := self._listening.get(name):
            before.cut_off()
        self._listening[name] = subscriber
        event_log.note("agent.listens", **agent.ids)

        def end() -> None:
            if self._listening.get(name) is subscriber:
                del self._listening[name]

        return end

    def notify(self, contract_id: str, role: str, signal: str) -> bool:
        """Send it to the agent's process, without waiting for it; False if that does not listen."""
        subscriber = self._listening.get(agent_id(contract_id, role))
        return subscriber is not None and subscriber.send(signal=signal)
