/** What happened around a contract as bars on lanes. It draws what the events say; what the contract *was* at a version
 * comes from `GET /contracts/{id}?at=`. Bars run between indexes of events; `to` null: until now. Pure. */

import { shortId, words } from "./format";
import type { ContractStatus } from "./shapes";
import { eventName, firstPhase, type LogEvent, text, wordOf } from "./timeline";

export interface Bar {
  readonly from: number;
  readonly to: number | null;
  readonly text: string;
  readonly kind: string; // of `status`: the status; of `phase`: ""; of `tasks`: running, released, failed, done; of `agents`: there, restarting, dead
  readonly row: number; // of lanes with several
}

export interface Lanes {
  readonly status: readonly Bar[];
  readonly phase: readonly Bar[];
  readonly tasks: readonly Bar[];
  readonly agents: readonly Bar[];
  readonly roles: readonly string[]; // of the rows of `agents`
  readonly hidden: number; // roles without a row
  readonly hot: ReadonlySet<number>; // events that somebody had to act on
}

/** What the events do not say: where they begin in the middle, and the names of tasks. */
export interface Around {
  readonly whole: boolean; // they begin with the contract
  readonly status: string; // now
  readonly phase: string;
  readonly tasks: ReadonlyMap<string, string>; // id → name, without the supervisor's own
}

const TASK_ROWS = 2;
const MOST_ROLES = 6;
const SUPERVISOR = "supervisor";
const STATUS_AFTER: Readonly<Record<string, ContractStatus>> = {
  ContractCreated: "created", ContractStarted: "active", ContractPaused: "paused", InputAwaited: "waiting_for_input", InputReceived: "active", ContractBlocked: "blocked", ContractUnblocked: "active",
  ContractResumed: "active", CompletionStarted: "completing", CompletionAborted: "active", ContractCompleted: "completed", ContractFailed: "failed", ContractReopened: "active", ContractArchived: "archived",
};
const SAYS_WHERETO: ReadonlySet<string> = new Set(["ContractResumed", "ContractUnblocked"]);

export function lanesOf(events: readonly LogEvent[], around: Around): Lanes {
  const agents = agentBars(events, around);
  return { status: statusBars(events, around), phase: phaseBars(events, around), tasks: taskBars(events, around), ...agents, hot: new Set(events.flatMap((event, index) => (isHot(event) ? [index] : []))) };
}

const isHot = (event: LogEvent): boolean => /Paused|Awaited|Released|Failed|Blocked|QuestionAsked|Stuck|Silence|StaleDetected|Corruption/.test(eventName(event)) || ["dead", "dead_failed_revive", "interrupted"].includes(text(event, "new_status") || text(event, "new_state"));

type Point = readonly [index: number, kind: string];

function statusBars(events: readonly LogEvent[], around: Around): Bar[] {
  const points = events.flatMap((event, index): Point[] => {
    const status = (SAYS_WHERETO.has(eventName(event)) && text(event, "to")) || STATUS_AFTER[eventName(event)];
    return status ? [[index, status]] : [];
  });
  return runs(points.length > 0 || events.length === 0 ? points : [[0, around.status]]);
}

function phaseBars(events: readonly LogEvent[], around: Around): Bar[] {
  const points = events.flatMap((event, index): Point[] => (eventName(event) === "PhaseChanged" ? [[index, text(event, "to_phase")]] : eventName(event) === "ContractCreated" ? [[0, firstPhase(event)]] : []));
  const first = events[points[0]?.[0] ?? -1];
  if (events.length > 0 && (points[0]?.[0] ?? 1) > 0) points.unshift([0, first ? text(first, "from_phase") : around.phase]);
  return runs(points).map((bar) => ({ ...bar, text: bar.kind, kind: "" }));
}

/** Bars of what holds until something else does. */
function runs(points: readonly Point[]): Bar[] {
  const bars: { from: number; to: number | null; text: string; kind: string; row: number }[] = [];
  for (const [index, kind] of points) {
    const last = bars.at(-1);
    if (kind === "" || kind === last?.kind) continue;
    if (last) last.to = index;
    bars.push({ from: index, to: null, text: words(kind), kind, row: 0 });
  }
  return bars;
}

const ENDS: Readonly<Record<string, string>> = { TaskCompleted: "done", TaskFailed: "failed", TaskReleased: "released" };

function taskBars(events: readonly LogEvent[], around: Around): Bar[] {
  const open = new Map<string, number>();
  const rows = new Map<string, number>();
  const bars: Bar[] = [];
  events.forEach((event, index) => {
    const [name, id] = [eventName(event), text(event, "task_id")];
    if (!around.tasks.has(id) || (name !== "TaskStarted" && ENDS[name] === undefined)) return;
    if (!rows.has(id)) rows.set(id, rows.size % TASK_ROWS);
    if (name === "TaskStarted") return void open.set(id, index);
    const from = open.get(id) ?? (around.whole || bars.some((bar) => bar.text === around.tasks.get(id)) ? null : 0); // it ran before
    if (from === null) return;
    bars.push({ from, to: index, text: around.tasks.get(id)!, kind: ENDS[name]!, row: rows.get(id)! });
    open.delete(id);
  });
  for (const [id, from] of open) bars.push({ from, to: null, text: around.tasks.get(id)!, kind: "running", row: rows.get(id)! });
  return bars;
}

interface There {
  readonly role: string;
  readonly before: string; // there, restarting, dead; empty: it was not there
  readonly kind: string;
  readonly says: string;
}

const KIND: Readonly<Record<string, string>> = { ready: "there", working: "there", restarting: "restarting", dead: "dead", dead_failed_revive: "dead", interrupted: "dead", offline: "", completed: "", failed: "" };
const kindOf = (state: string): string => KIND[state] ?? (state === "" ? "" : "there");

/** What an event says of somebody's presence. */
function thereAfter(event: LogEvent): There | null {
  const of = (member: string): string => text(event, member);
  const connection = of("connection_id") ? `, connection ${shortId(of("connection_id"))}` : "";
  switch (eventName(event)) {
    case "AgentJoined":
    case "AgentStatusChanged":
      return { role: of("role"), before: kindOf(of("old_status")), kind: kindOf(of("new_status") || "ready"), says: `${wordOf(of("new_status") || "ready")}${connection}` };
    case "AgentLeft":
      return { role: of("role"), before: kindOf(of("old_status") || "ready"), kind: "", says: "" };
    case "SupervisorRegistered":
      return { role: SUPERVISOR, before: "", kind: kindOf(of("state")), says: `${words(of("state"))}${connection}` };
    case "SupervisorStateChanged":
      return { role: SUPERVISOR, before: kindOf(of("old_state")), kind: kindOf(of("new_state")), says: `${words(of("new_state"))}${connection}` };
    default:
      return null;
  }
}

/** A row for each role: since when it was there, dead, or being restarted; another connection begins another bar. */
function agentBars(events: readonly LogEvent[], around: Around): { readonly agents: readonly Bar[]; readonly roles: readonly string[]; readonly hidden: number } {
  const roles: string[] = [];
  const hidden = new Set<string>();
  const open = new Map<string, { from: number; kind: string; connection: string; says: string }>();
  const agents: Bar[] = [];
  const close = (role: string, to: number | null): void => {
    const bar = open.get(role);
    if (bar !== undefined && bar.kind !== "" && bar.from !== to) agents.push({ from: bar.from, to, text: `${role}: ${bar.says}`, kind: bar.kind, row: roles.indexOf(role) });
    open.delete(role);
  };
  events.forEach((event, index) => {
    const there = thereAfter(event);
    if (there === null) return;
    if (!roles.includes(there.role)) {
      if (roles.length === MOST_ROLES) return void hidden.add(there.role);
      roles.push(there.role);
      if (!around.whole) open.set(there.role, { from: 0, kind: there.before, connection: "", says: "since before" });
    }
    const connection = text(event, "connection_id");
    const now = open.get(there.role);
    const same = now?.connection === connection || now?.connection === "" || connection === "";
    if (now?.kind === there.kind && same) return void (now.connection ||= connection);
    close(there.role, index);
    open.set(there.role, { from: index, kind: there.kind, connection, says: there.says });
  });
  for (const role of [...open.keys()]) close(role, null);
  return { agents, roles, hidden: hidden.size };
}
