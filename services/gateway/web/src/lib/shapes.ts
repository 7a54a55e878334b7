/** What the API answers and the monitor sends, where the OpenAPI document does not say it: the monitor's messages
 * (docs/generated/asyncapi.json), and the rows that they carry. All else comes from `api.types.ts`. */

export type ContractStatus =
  | "created" | "active" | "waiting_for_input" | "paused" | "blocked" | "completing" | "completed" | "failed" | "archived";
export type AgentState = "offline" | "dead" | "dead_failed_revive" | "ready" | "restarting" | "working";

export interface TaskCounts {
  readonly total: number;
  readonly pending?: number;
  readonly claimed?: number;
  readonly running?: number;
  readonly completed: number;
  readonly failed: number;
}

/** A contract as a list shows it: `GET /contracts?view=row`, and the monitor's `Rows`. */
export interface Row {
  readonly id: string;
  readonly name: string;
  readonly status: ContractStatus;
  readonly phase: string | null;
  readonly phase_index: number;
  readonly phase_count: number;
  readonly version: number;
  readonly waiting_for: string | null;
  readonly reason: string | null;
  readonly stale: boolean;
  readonly tasks: TaskCounts;
  readonly progress_at: string | null;
  readonly created_at?: string;
  readonly supervisor: { readonly alive: boolean; readonly stuck: boolean; readonly last_heartbeat_at: string | null } | null;
}

export interface Me {
  readonly role: "admin" | "owner" | "viewer" | "daemon" | "agent";
  readonly owner: string | null;
  readonly token_id: string;
  readonly may: readonly string[];
  readonly context: string | null;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly next_cursor: string | null;
  readonly total?: number;
}

/** One thing that waits for a person: `GET /needs-you`. */
export interface NeedItem {
  readonly kind: "question" | "phase_confirmation" | "blocked" | "unrecoverable";
  readonly since: string;
  readonly contract: { readonly id: string; readonly name: string; readonly phase: string; readonly phases: readonly string[]; readonly version: number };
  readonly question?: { readonly id: string; readonly question: string; readonly question_type: "text" | "choice" | "confirm"; readonly options: readonly string[] | null } | null;
  readonly next_phase?: string | null;
  readonly deliverables?: readonly { readonly id: string; readonly name?: string | null }[] | null;
  readonly reason?: string | null;
  readonly agent?: { readonly role: string; readonly daemon_id: string | null; readonly agent_status: AgentState } | null;
  readonly asked_by?: { readonly role: string; readonly agent_status: AgentState; readonly last_heartbeat_at: string | null } | null;
  readonly holds_up?: { readonly agents: number; readonly tasks: number } | null;
  readonly act: { readonly method: string; readonly path: string; readonly body: Readonly<Record<string, unknown>> | null };
}

/** A condition of a phase's gate: `GET /contracts/{id}/phase-readiness`. */
export interface Condition {
  readonly kind: "deliverable" | "tasks" | "task" | "validator" | "switch" | "guard";
  readonly id: string | null;
  readonly name: string;
  readonly state: "met" | "missing" | "unknown" | "not_required";
  readonly since: string | null;
  readonly evidence?: string | null;
  readonly who: { readonly kind: "person" | "agent" | "service"; readonly role?: string | null; readonly agent_status?: AgentState | null } | null;
  readonly act?: { readonly method: string; readonly path: string; readonly body: Readonly<Record<string, unknown>> | null } | null;
}

/** Everything that the monitor sends; `position` is absent where the log has none for it. */
export type Message =
  | { readonly type: "hello"; readonly epoch: string; readonly position: number }
  | { readonly type: "reset"; readonly reason: string; readonly epoch: string; readonly position: number }
  | { readonly type: "lagging"; readonly position: number; readonly head: number }
  | { readonly type: "problem"; readonly code: string; readonly detail: string }
  | Tick
  | { readonly type: "Rows"; readonly position: number; readonly rows: readonly Row[]; readonly removed?: readonly string[] }
  | { readonly type: "Heartbeat"; readonly timestamp: string | null; readonly contract_id: string; readonly role?: string; readonly state: string | null; readonly activity: string | null; readonly progress: number | null }
  | MonitorEvent;

export interface Tick {
  readonly type: "Tick";
  readonly position: number; // up to which everything was said
  readonly head: number; // of the log
  readonly timestamp: string;
  readonly lag_ms: number;
  readonly watermark_age_ms: number | null;
  readonly verdicts_held: number;
}

export const EVENT_TYPES = [
  "StatusChanged", "PhaseChanged", "SupervisorStateChanged", "StaleDetected", "StaleCleared", "TaskCompleted",
  "DeliverableCompleted", "QuestionAsked", "QuestionAnswered", "AgentStatusChanged", "AgentStuck", "AgentProgressed",
] as const;

export interface MonitorEvent {
  readonly type: (typeof EVENT_TYPES)[number];
  readonly position: number;
  readonly timestamp: string;
  readonly contract_id: string;
  readonly name?: string | null;
  readonly [member: string]: unknown;
}
