/** Agents as the pages show them, whatever the age of the gateway that tells of them. Pure. */

import type * as api from "./api.types";
import type { AgentState, ContractStatus, MonitorEvent, Page } from "./shapes";
import { AGENT, AGENT_ORDER, CONTRACT, OVER, restarts } from "./words";

/** `GET /agents`; an older gateway tells less, the oldest `status`, `ready_until` and `is_expired` only, and a later one may
 * tell a state that is not known here. */
export interface AgentRecord extends Partial<Omit<api.Agent, "contract_id" | "role" | "agent_status" | "status">> {
  readonly contract_id: string;
  readonly role: string;
  readonly agent_status?: string | null;
  readonly status?: string | null;
}

export interface AgentPage extends Page<AgentRecord> {
  readonly counts?: Readonly<Partial<Record<AgentState, number>>>;
  readonly stuck?: number;
}

export interface Agent extends AgentRecord {
  readonly id: string; // contract and role: what names it
  readonly state: AgentState;
}

/** Its state. A record without `agent_status`: expired is dead, active working, waiting ready, else offline. */
export function stateOf(record: Pick<AgentRecord, "agent_status" | "status" | "is_expired">): AgentState {
  if (record.agent_status && Object.hasOwn(AGENT, record.agent_status)) return record.agent_status as AgentState;
  if (record.is_expired) return "dead";
  if (record.status === "active") return "working";
  return record.status === "waiting" ? "ready" : "offline";
}

export const agentKey = (contract: string, role: string): string => `${contract}:${role}`;
export const agentOf = (record: AgentRecord): Agent => ({ ...record, id: agentKey(record.contract_id, record.role), state: stateOf(record) });

/** True for those of which nothing is heard any more. */
export const isDead = (state: AgentState): boolean => state === "dead" || state === "dead_failed_revive";

/** True for an event after which agents may be shown otherwise: of a contract that ends, nobody is missed any more. */
export function movesAgents(event: MonitorEvent): boolean {
  return event.type.startsWith("Agent") || event.type.startsWith("Supervisor") || (event.type === "StatusChanged" && [event["old_status"], event["new_status"]].some((status) => OVER.has(status)));
}

/** How many are in which state, and stuck: as the gateway counted them, else of those that were read. */
export function tally(page: AgentPage): { readonly all: number; readonly of: Readonly<Record<AgentState, number>>; readonly stuck: number } {
  const counted = (state: AgentState): number => page.counts?.[state] ?? (page.counts ? 0 : page.items.filter((item) => stateOf(item) === state).length);
  const of = Object.fromEntries(AGENT_ORDER.map((state) => [state, counted(state)])) as Record<AgentState, number>;
  return { all: Object.values(of).reduce((sum, value) => sum + value, 0), of, stuck: page.stuck ?? page.items.filter((item) => item.stuck).length };
}

/** What restarts it: the operation that a token must have, and where it goes. */
export function restartOf(contract: string, role: string): { readonly operation: string; readonly path: string } {
  const path = `/contracts/${encodeURIComponent(contract)}`;
  return role === "supervisor"
    ? { operation: "POST /contracts/{contract_id}/supervisor/restart", path: `${path}/supervisor/restart` }
    : { operation: "POST /contracts/{contract_id}/agents/{role}/restart", path: `${path}/agents/${encodeURIComponent(role)}/restart` };
}

/** True if a restart can be asked for: a daemon must run it, and none may be on its way. */
export const canRestart = (agent: Agent): boolean => Boolean(agent.daemon_id) && agent.state !== "restarting";
/** Why it would be refused, as the contract is; null: nothing is against it. `contract`: its status as the monitor told it, which
 * may be newer than the record. */
export function refusalOf(agent: Agent, contract: ContractStatus | undefined): string | null {
  if (contract === undefined) return agent.restart_refused ?? null;
  if (restarts(contract)) return null;
  return contract === "paused" ? "the contract is paused: resume it first" : `the contract is ${CONTRACT[contract].word}: nobody is restarted in it`;
}
/** True where a restart is what helps. */
export const wantsRestart = (agent: Agent): boolean => isDead(agent.state) || agent.stuck === true;

export type AgentSort = "needs" | "progress_at" | "contract";
export const AGENT_SORTS: readonly (readonly [AgentSort, string])[] = [["needs", "Needs you first"], ["progress_at", "Moved longest ago"], ["contract", "Contract"]];

/** The order that an address asks for, as that of contracts. */
export const agentSortOf = (query: URLSearchParams): AgentSort => AGENT_SORTS.find(([name]) => name === query.get("sort"))?.[0] ?? "needs";
