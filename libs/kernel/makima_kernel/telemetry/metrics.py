"""All Prometheus metrics of makima (interfaces.md, Metrics).

Times are in seconds; labels have few values, never ids.
"""

from prometheus_client import REGISTRY, Counter, Gauge, Histogram

_LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


def _gauge(name: str, documentation: str, labels: tuple[str, ...] = ()) -> Gauge:
    return Gauge(name, documentation, labels, registry=None)


def exported(gauge: Gauge) -> Gauge:
    """The gauge, exported by this process from now on: called by whoever sets it.

    A gauge is not exported before. A 0 from a process that measures nothing would be a false value in every sum,
    minimum and alarm.
    """
    if gauge not in _exported:
        REGISTRY.register(gauge)
        _exported.add(gauge)
    return gauge


_exported = set[Gauge]()

check = _gauge(
    "makima_check",
    "1: the check of /readyz or /healthz passes; 0: it fails. While `loop` is 0, the others are of before",
    ("check",),
)
contracts_by_status = _gauge("makima_contracts_by_status", "Contracts, by status", ("status",))
contracts_stale_count = _gauge("makima_contracts_stale_count", "Stale contracts")
agents_by_status = _gauge("makima_agents_by_status", "Agents, supervisors included, by status", ("status",))
agents_stuck = _gauge("makima_agents_stuck", "Agents, supervisors included, that are alive without progress")
contracts_unjudged = _gauge(
    "makima_contracts_unjudged", "Contracts whose staleness cannot be judged because of their data"
)
phase_transitions = Counter("makima_phase_transitions_total", "Phase changes of contracts")
completion_detections = Counter("makima_completion_detections_total", "Phases and contracts detected as done")
supervisor_heartbeats = Counter("makima_supervisor_heartbeats_total", "Supervisor heartbeats recorded")
foreign_heartbeats = Counter(
    "makima_foreign_heartbeats_total", "Supervisor heartbeats of daemons that do not run the contract"
)
unknown_contract_heartbeats = Counter(
    "makima_unknown_contract_heartbeats_total",
    "Supervisor heartbeats that name a contract that does not exist: nobody is registered for them",
)
senders_refused = Counter(
    "makima_senders_refused_total",
    "Heartbeats of new senders that were refused, because their daemon has too many senders or new connections",
    ["exceeded"],
)
changes_withheld = Counter(
    "makima_sender_changes_withheld_total", "Heartbeats whose change was not recorded: too many of its sender"
)
heartbeats_unfit = Counter(
    "makima_heartbeats_unfit_total",
    "Heartbeats that do not fit: recorded without what was cut, or refused",
    ["kind", "outcome"],
)
supervisor_restarts = Counter("makima_supervisor_restarts_total", "Requested restarts of supervisors")
supervisor_saves = Counter("makima_supervisor_saves_total", "Saves of supervisors' state, by kind", ["kind"])
supervisor_restorations = Counter(
    "makima_supervisor_restorations_total", "Restorations of supervisors that were asked for", ["outcome"]
)
supervisor_restorations_proved = Counter(
    "makima_supervisor_restorations_proved_total",
    "Restorations that a heartbeat of the new connection proved",
)
placements = Counter(
    "makima_placements_total",
    "Requests to daemons to start a supervisor that is wanted, by outcome; overtaken: another one was heard first, "
    "unrecorded: asked again, no_daemon: there was nobody to ask",
    ["outcome"],
)
agent_joins = Counter(
    "makima_agent_joins_total",
    "Joins of agents: the first of a role, the connection in force that returns, or one that replaces it",
    ["kind"],
)
agents_superseded = Counter(
    "makima_agents_superseded_total",
    "Times that a connection of an agent which is not in force was told so: its join was refused, or its heartbeat",
    ["by"],
)
agents_asked_to_rejoin = Counter(
    "makima_agents_asked_to_rejoin_total", "Signals to daemons that an agent of theirs must join again"
)
agent_restarts = Counter(
    "makima_agent_restarts_total", "Restarts of agents: requested, or reported by a daemon"
)
agent_restarts_exhausted = Counter(
    "makima_agent_restarts_exhausted_total", "Agents whose daemon gave up restarting them"
)
tasks_returned = Counter(
    "makima_tasks_returned_total",
    "Tasks that are pending again because of the agent of their role",
    ["reason"],
)
batch_operations = Counter("makima_batch_operations_total", "Batch operations on contracts", ["operation"])

append_seconds = Histogram(
    "makima_append_seconds", "Time from a command's decision to the commit of its events", buckets=_LATENCY
)
command_seconds = Histogram(
    "makima_command_seconds", "Time to handle a command", ["command", "outcome"], buckets=_LATENCY
)
relay_lag = _gauge("makima_relay_lag_events", "Events in the log that are not yet on the stream")
projection_lag = _gauge(
    "makima_projection_lag_events", "Events in the log that a consumer has not yet applied", ("consumer",)
)
projection_rebuild = _gauge(
    "makima_projection_rebuild_ratio",
    "Share of the log that a running rebuild has applied to the new tables; absent if none runs here",
    ("consumer",),
)
ingest_watermark_age = _gauge(
    "makima_ingest_watermark_age_seconds", "Age of the oldest shard's watermark", ("service",)
)
verdict_lateness = Histogram(
    "makima_verdict_lateness_seconds",
    "Time from a sender's deadline to its verdict, on the observed clock",
    buckets=_LATENCY,
)
detector_score = _gauge(
    "makima_detector_score",
    "Rate of the observed clock over 60 s: 1 is real time; below 0.5 the detector is blind",
)
canaries = Counter(
    "makima_canaries_total",
    "Canaries of this detector: acknowledged, refused or late; not the first means that heartbeats may be lost",
    ["outcome"],
)
agents_cleaned_up = Counter(
    "makima_agents_cleaned_up_total", "Agents that became offline because they had been dead for long"
)
tracked_senders = _gauge("makima_tracked_senders", "Senders that the detector monitors")
audit_differences = _gauge(
    "makima_audit_differences",
    "Senders that this detector's memory, or a read model, has otherwise than the log; each counts once a source",
    ("source",),
)
holds_now = _gauge(
    "makima_holds_now", "Owners whose verdicts are held back because a mass silence is suspected"
)
maintenance_now = _gauge("makima_maintenance_now", "Maintenance windows that are open")
maintenance_planned = _gauge("makima_maintenance_planned", "Maintenance windows that have not begun yet")
log_lines_dropped = Counter(
    "makima_log_lines_dropped_total", "Log lines that could not be written: nobody reads, or the disk is full"
)
dead_letters = Counter("makima_dead_letters_total", "Messages stored as dead letters", ["stream", "consumer"])
dead_letters_handled = Counter(
    "makima_dead_letters_handled_total",
    "Dead letters that an administrator has sent again or deleted",
    ["outcome"],
)
disk_free_ratio = _gauge(
    "makima_disk_free_ratio", "Free share of the disk; below 0.05 a service is not healthy", ("path",)
)
open_sockets = _gauge("makima_open_sockets", "Open monitor connections: WebSockets and Server-Sent Events")
http_waiting = _gauge("makima_http_waiting", "Requests that wait for a contract to change")
http_waits_refused = Counter(
    "makima_http_waits_refused_total",
    "Requests that were answered at once instead of waiting: their token had too many that wait, or the server stopped",
)
http_seconds = Histogram(
    "makima_http_seconds",
    "HTTP requests, without the time that they asked to wait for a change",
    ["method", "route", "status"],
    buckets=_LATENCY,
)
http_cut = Counter(
    "makima_http_cut_total",
    "Connections that were refused or ended because of a limit: 431 headers, 408 deadlines, 400 no HTTP, 503 and connections: too many, write: not read, revoked",
    ["reason"],
)
sessions_opened = Counter(
    "makima_sessions_opened_total", "Browsers signed in, with a token or a code", ["by"]
)
http_refused = Counter("makima_http_refused_total", "Requests refused before they were read", ["reason"])
