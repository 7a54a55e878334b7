/** A contract's events as bars on lanes. It folds only what is drawn: what the contract *was* at a version comes from
 * `GET /contracts/{id}?at=`. Bars run between indexes of events; `to` null: until now. Pure. */

import { words } from "./format";
import type { ContractStatus } from "./shapes";

/** An event of `GET /contracts/{id}/events` or `/timeline`. */
export interface LogEvent {
  readonly type: string; // makima.<category>.<Name>.v<schema>
  readonly time: string;
  readonly position: number;
  readonly streamversion?: number;
  readonly actor?: string | null;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface Bar {
  readonly from: number;
  readonly to: number | null;
  readonly text: string;
  readonly kind: string; // of `status`: the status; of `phase`: ""; of `tasks`: running, released, failed, done; of `agents`: connected, away
  readonly row: number; // of lanes with several
}

export interface Lanes {
  readonly status: readonly Bar[];
  readonly phase: readonly Bar[];
  readonly tasks: readonly Bar[];
  readonly agents: readonly Bar[];
  readonly hot: ReadonlySet<number>; // events that somebody had to act on
}

const TASK_ROWS = 2;
const STATUS_AFTER: Readonly<Record<string, ContractStatus>> = {
  ContractCreated: "created", ContractStarted: "active", ContractPaused: "paused", InputAwaited: "waiting_for_input", InputReceived: "active", ContractBlocked: "blocked",
  ContractUnblocked: "active", CompletionStarted: "completing", CompletionAborted: "active", ContractCompleted: "completed", ContractFailed: "failed", ContractReopened: "active", ContractArchived: "archived",
};

/** `makima.contract.PhaseChanged.v1` → `PhaseChanged`. */
export const eventName = (event: LogEvent): string => event.type.split(".")[2] ?? event.type;

const text = (event: LogEvent, member: string): string => (typeof event.data[member] === "string" ? (event.data[member] as string) : "");

export function lanesOf(events: readonly LogEvent[]): Lanes {
  return {
    status: runs(events.map((event, index) => [index, text(event, "to") && ["ContractResumed", "ContractUnblocked"].includes(eventName(event)) ? text(event, "to") : (STATUS_AFTER[eventName(event)] ?? (eventName(event) === "ContractResumed" ? "active" : ""))])),
    phase: runs(events.map((event, index) => [index, eventName(event) === "PhaseChanged" ? text(event, "to_phase") : eventName(event) === "ContractCreated" ? firstPhase(event) : ""])).map((bar) => ({ ...bar, text: bar.kind, kind: "" })),
    tasks: taskBars(events),
    agents: agentBars(events),
    hot: new Set(events.flatMap((event, index) => (/Paused|Awaited|Released|Failed|Blocked|QuestionAsked|Stuck|Silence/.test(eventName(event)) ? [index] : []))),
  };
}

/** Bars of what holds until something else does. An empty word changes nothing. */
function runs(points: readonly (readonly [number, string])[]): Bar[] {
  const bars: { from: number; to: number | null; text: string; kind: string; row: number }[] = [];
  for (const [index, kind] of points) {
    const last = bars.at(-1);
    if (kind === "" || kind === last?.kind) continue;
    if (last) last.to = index;
    bars.push({ from: index, to: null, text: words(kind), kind, row: 0 });
  }
  return bars;
}

function firstPhase(event: LogEvent): string {
  const first: unknown = Array.isArray(event.data["phases"]) ? event.data["phases"][0] : undefined;
  if (typeof first === "string") return first;
  return typeof first === "object" && first !== null && "name" in first ? String(first.name) : "";
}

function taskBars(events: readonly LogEvent[]): Bar[] {
  const names = new Map<string, string>();
  const open = new Map<string, number>();
  const rows = new Map<string, number>();
  const bars: Bar[] = [];
  const ends: Readonly<Record<string, string>> = { TaskCompleted: "done", TaskFailed: "failed", TaskReleased: "released" };
  events.forEach((event, index) => {
    const [name, id] = [eventName(event), text(event, "task_id")];
    if (name === "TaskCreated" && event.data["is_supervisor"] !== true) names.set(id, text(event, "name"));
    if (!names.has(id)) return;
    if (name === "TaskStarted") {
      open.set(id, index);
      if (!rows.has(id)) rows.set(id, rows.size % TASK_ROWS);
    }
    const from = open.get(id);
    const kind = ends[name];
    if (from === undefined || kind === undefined) return;
    bars.push({ from, to: index, text: names.get(id)!, kind, row: rows.get(id)! });
    open.delete(id);
  });
  for (const [id, from] of open) bars.push({ from, to: null, text: names.get(id)!, kind: "running", row: rows.get(id)! });
  return bars;
}

/** The connections that claimed tasks, one after the other; between a released task and the next claim nobody was there. */
function agentBars(events: readonly LogEvent[]): Bar[] {
  const bars: { from: number; to: number | null; text: string; kind: string; row: number }[] = [];
  events.forEach((event, index) => {
    const last = bars.at(-1);
    if (eventName(event) === "TaskReleased" && last?.kind === "connected" && event.data["connection_id"] !== undefined) {
      last.to = index;
      bars.push({ from: index, to: null, text: "dead", kind: "away", row: 0 });
    }
    const connection = text(event, "connection_id");
    if (eventName(event) !== "TaskClaimed" || connection === "") return;
    const now = bars.at(-1);
    if (now?.kind === "connected" && now.text === connection) return;
    if (now) now.to = index;
    bars.push({ from: index, to: null, text: connection, kind: "connected", row: 0 });
  });
  return bars;
}

/** What an event says, in a few words. */
export function gist(event: LogEvent, events: readonly LogEvent[]): string {
  const of = (member: string): string => text(event, member);
  const task = (): string => text(events.find((each) => eventName(each) === "TaskCreated" && text(each, "task_id") === of("task_id")) ?? event, "name");
  switch (eventName(event)) {
    case "ContractCreated":
      return `${of("contract_type")}, ${Array.isArray(event.data["phases"]) ? event.data["phases"].length : 0} phases, phase guard ${event.data["phase_guard"] ? "on" : "off"}`;
    case "PhaseChanged":
      return `${of("from_phase")} → ${of("to_phase")}${event.data["confirmed"] ? ", confirmed" : ""}`;
    case "TaskCreated":
      return of("name");
    case "TaskClaimed":
      return `${task()} by ${of("role")}`;
    case "TaskCompleted":
    case "TaskFailed":
      return [task(), of("result")].filter(Boolean).join(", ");
    case "TaskReleased":
      return `${task()}: ${words(of("reason")) || "its agent was gone"}`;
    case "TaskStarted":
      return task();
    case "InputAwaited":
      return words(of("waiting_for"));
    case "ContractResumed":
      return of("to") ? `to ${words(of("to"))}` : of("reason");
    default:
      return of("deliverable_id") || of("question") || of("answer") || of("reason") || of("content") || (of("role") ? `${of("role")} ${words(of("new_status"))}`.trim() : "");
  }
}
