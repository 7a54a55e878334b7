"""The sections `[contracts]` and `[feature_flags]` of the settings."""

from pydantic import BaseModel, ConfigDict, Field

from makima_kernel.service.timeouts import KeepableTimeouts


class ContractsSettings(KeepableTimeouts):
    """`[contracts]`: the deadlines of domain.md, in the unit at the end of each name,
    and the switches of plan 2.3.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    auto_complete_enabled: bool = True
    auto_advance_phases: bool = True
    heartbeat_interval_seconds: float = Field(default=30, gt=0)
    heartbeat_timeout_seconds: float = Field(default=120, gt=0)
    reconnect_grace_seconds: float = Field(
        default=3, ge=0, description="how far the observed clock is set back after a gap in the stream"
    )
    agent_timeout_seconds: float = Field(default=90, gt=0)
    agent_grace_hours: float = Field(
        default=24,
        gt=0,
        le=87_600,
        description="after which an agent that is dead is cleaned up: offline, and hidden",
    )
    restart_timeout_seconds: float = Field(
        default=60, gt=0, description="within which an agent that is restarted has to join; of observed time"
    )
    quiet_max_seconds: float = Field(
        default=14_400,
        gt=0,
        le=86_400,
        description="the longest that a sender may announce to be quiet; a longer time counts as this",
    )
    stuck_after_seconds: float = Field(
        default=600,
        gt=0,
        description="how long a sender that works may send heartbeats without progress before it counts as stuck",
    )
    stale_threshold_minutes: float = Field(default=30, gt=0)
    stale_detection_interval_seconds: float = Field(default=60, gt=0)
    task_claimed_timeout_seconds: float = Field(
        default=120,
        gt=0,
        description="how long an agent may be dead or offline before its tasks are pending again",
    )
    task_pending_timeout_seconds: float = Field(
        default=300,
        gt=0,
        description="how long a task may wait before its contract's daemon is asked to start its role",
    )
    cleanup_timeout_seconds: float = Field(default=30, gt=0)
    validator_timeout_seconds: float = Field(
        default=10,
        gt=0,
        le=10,
        description="timeout of one validator; at most 10, as the lease of an evaluation lasts no longer",
    )
    heartbeat_retention_hours: float = Field(
        default=24, gt=0, le=40, description="each hour is a partition, and fewer than 50 may be attached"
    )
    heartbeat_history_gib: float = Field(
        default=100, gt=0, description="above this size the oldest hours are dropped early"
    )


class FeatureFlags(BaseModel):
    """`[feature_flags]`: the effect of a flag that is off is described in domain.md, Errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enhanced_contract_status: bool = True
    auto_complete: bool = True
    supervisor_heartbeat: bool = True
    monitoring_dashboard: bool = True
