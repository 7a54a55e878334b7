/** What happened around a contract: its own events, and those of its supervisors, its agents, and the services that watch over them. Pure. */

import { age, shortId, words } from "./format";
import type { AgentState } from "./shapes";
import { AGENT } from "./words";

/** An event of `GET /contracts/{id}/timeline`. */
export interface LogEvent {
  readonly type: string; // makima.<category>.<Name>.v<schema>
  readonly time: string;
  readonly position: number;
  readonly streamversion?: number; // of its own stream
  readonly subject?: string;
  readonly actor?: string | null;
  readonly data: Readonly<Record<string, unknown>>;
}

export const CATEGORIES = ["contract", "supervisor", "agent", "completion", "silence"] as const;

/** `makima.contract.PhaseChanged.v1` → `PhaseChanged`. */
export const eventName = (event: LogEvent): string => event.type.split(".")[2] ?? event.type;
export const categoryOf = (event: LogEvent): string => event.type.split(".")[1] ?? "";
/** The version of the contract that an event of its own made; null: it is of another stream. */
export const versionAfter = (event: LogEvent): number | null => (categoryOf(event) === "contract" ? (event.streamversion ?? null) : null);

export const text = (event: LogEvent, member: string): string => (typeof event.data[member] === "string" ? (event.data[member] as string) : "");

/** The name of the phase that the contract was made in. */
export function firstPhase(created: LogEvent): string {
  const first: unknown = Array.isArray(created.data["phases"]) ? created.data["phases"][0] : undefined;
  if (typeof first === "string") return first;
  return typeof first === "object" && first !== null && "name" in first ? String(first.name) : "";
}

/** An agent's state as its badge says it; a supervisor's has no badge. */
export const wordOf = (state: string): string => AGENT[state as AgentState]?.word ?? words(state);

/** What an event says, in a few words. `tasks`: their names, by id. */
export function gist(event: LogEvent, tasks: ReadonlyMap<string, string>): string {
  const of = (member: string): string => text(event, member);
  const task = (): string => tasks.get(of("task_id")) ?? "";
  const told = (...parts: string[]): string => parts.filter(Boolean).join(", ");
  switch (eventName(event)) {
    case "ContractCreated":
      return `${of("contract_type")}, ${Array.isArray(event.data["phases"]) ? event.data["phases"].length : 0} phases, phase guard ${event.data["phase_guard"] ? "on" : "off"}`;
    case "ContractAssigned":
      return of("daemon_id") && `to ${of("daemon_id")}`;
    case "PhaseChanged":
      return `${of("from_phase")} → ${of("to_phase")}${event.data["confirmed"] ? ", confirmed" : ""}`;
    case "TaskCreated":
      return of("name");
    case "TaskClaimed":
      return `${task()} by ${of("role")}`;
    case "TaskCompleted":
    case "TaskFailed":
      return told(task(), of("result"));
    case "TaskReleased":
      return `${task()}: ${words(of("reason")) || "its agent was gone"}`;
    case "TaskStarted":
      return task();
    case "InputAwaited":
      return words(of("waiting_for"));
    case "ContractResumed":
      return of("to") ? `to ${words(of("to"))}` : of("reason");
    case "AgentJoined":
      return told(`${of("role")} joined`, of("daemon_id") && `on ${of("daemon_id")}`, of("connection_id") && `connection ${shortId(of("connection_id"))}`);
    case "AgentLeft":
      return `${of("role")} left`;
    case "AgentStatusChanged":
      return told(`${of("role")}: ${wordOf(of("old_status"))} → ${wordOf(of("new_status"))}`, words(of("trigger")), of("reason"));
    case "AgentStuck":
    case "AgentProgressed":
      return told(of("role"), of("activity"));
    case "SupervisorRegistered":
      return told(words(of("state")), of("daemon_id") && `on ${of("daemon_id")}`);
    case "SupervisorStateChanged":
      return of("old_state") === of("new_state") ? told("another connection", of("daemon_id") && `on ${of("daemon_id")}`) : told(`${words(of("old_state"))} → ${words(of("new_state"))}`, words(of("changed_by")));
    case "SupervisorSaved":
      return words(of("kind"));
    case "RestorationRequested":
    case "RestorationProved":
      return told(words(of("outcome")), of("daemon_id") && `on ${of("daemon_id")}`);
    case "StaleDetected":
      return `silent for ${age(Number(event.data["stale_seconds"] ?? 0))}`;
    case "SilenceDetected":
      return `${of("sender_kind")} ${of("sender_id")}`;
    case "PhaseGateSatisfied":
      return told(of("phase"), words(of("action")));
    case "CompletionDetected":
      return of("phase");
    default:
      return of("deliverable_id") || of("question") || of("answer") || of("reason") || of("content") || (of("role") ? `${of("role")} ${words(of("new_status"))}`.trim() : "");
  }
}
