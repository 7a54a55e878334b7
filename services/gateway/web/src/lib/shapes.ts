/** What the API answers and the monitor sends. Answers are those of the OpenAPI document (`api.types.ts` is made from it),
 * under the names that the page has for them; the monitor's messages stand here (docs/generated/asyncapi.json). */

import type * as api from "./api.types";

export type ContractStatus = api.ContractStatus;
export type AgentState = api.AgentStatus;
export type Me = api.Me;
/** A contract as a list shows it: `GET /contracts?view=row`, and the monitor's `Rows`. */
export type Row = api.Row;
/** One thing that waits for a person: `GET /needs-you`; what a page finds out by itself has less. */
export interface NeedItem extends Pick<api.Need, "kind" | "since" | "contract">, Partial<Omit<api.Need, "kind" | "since" | "contract" | "deliverables" | "act">> {
  readonly deliverables?: readonly { readonly id: string; readonly name?: string }[] | null;
  readonly act: Omit<api.GateAct, "method"> & { readonly method: string };
}
/** A condition of a phase's gate: `GET /contracts/{id}/phase-readiness`. */
export type Condition = api.GateCondition;

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly next_cursor: string | null;
  readonly total?: number;
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
  readonly verdicts_held: number | null; // owners; null: not known
  readonly verdicts_held_until?: string | null; // absent: of an older gateway
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
