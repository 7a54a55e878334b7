/** States: glyph, family and word. The word says it, the glyph's shape repeats it, the colour only helps. */

import type { AgentState, ContractStatus } from "./shapes";

/** Classes of `.st`: the family, and `loud` or `final` where a person must act. */
export interface Look {
  readonly glyph: string;
  readonly family: string;
  readonly word: string;
}

const look = (glyph: string, family: string, word: string): Look => ({ glyph, family, word });

export const CONTRACT: Readonly<Record<ContractStatus, Look>> = {
  created: look("seed", "quiet", "created"),
  active: look("disc", "alive", "active"),
  waiting_for_input: look("ask", "attn loud", "waiting for input"),
  paused: look("bars", "quiet", "paused"),
  blocked: look("stop", "attn loud", "blocked"),
  completing: look("part", "alive", "completing"),
  completed: look("check", "quiet", "completed"),
  failed: look("x", "danger loud", "failed"),
  archived: look("box", "quiet", "archived"),
};

export const AGENT: Readonly<Record<AgentState, Look>> = {
  working: look("disc", "alive", "WORKING"),
  ready: look("ring", "alive", "READY"),
  restarting: look("turn", "transit", "RESTARTING"),
  dead: look("x", "danger loud", "DEAD"),
  dead_failed_revive: look("xbox", "final", "DEAD (UNRECOVERABLE)"),
  offline: look("dash", "quiet", "OFFLINE"),
};

export const TASK: Readonly<Record<string, Look>> = {
  pending: look("seed", "quiet", "pending"),
  claimed: look("ring", "quiet", "claimed"),
  running: look("disc", "alive", "running"),
  completed: look("check", "quiet", "completed"),
  failed: look("x", "danger loud", "failed"),
};

/** Those that need a hand first. */
export const CONTRACT_ORDER: readonly ContractStatus[] = [
  "waiting_for_input", "blocked", "failed", "active", "completing", "paused", "created", "completed", "archived",
];
export const AGENT_ORDER: readonly AgentState[] = ["dead_failed_revive", "dead", "restarting", "working", "ready", "offline"];

/** The look of a state; one that is not known keeps its word, with a question mark. */
export function lookOf(kind: "contract" | "agent" | "task", state: string): Look {
  const known = { contract: CONTRACT, agent: AGENT, task: TASK }[kind] as Readonly<Record<string, Look>>;
  return known[state] ?? look("q", "quiet", state.replaceAll("_", " "));
}

/** The statuses in which a contract has ended, and nobody misses its agents. */
export const OVER: ReadonlySet<unknown> = new Set(["completed", "failed", "archived"]);

/** True where agents and supervisors are restarted: not before the contract starts, while it is paused, and after its end. */
export const restarts = (status: ContractStatus): boolean => ["active", "waiting_for_input", "blocked", "completing"].includes(status);

/** True where nothing is awaited any more. */
export const ended = (status: ContractStatus): boolean => ["created", "completed", "failed", "archived"].includes(status);
