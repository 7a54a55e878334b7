/** What happened since somebody last looked, in a few counts. Pure. */

import { many } from "./format";
import type { MonitorEvent } from "./shapes";
import { OVER } from "./words";

/** Where the reader was when the page was last in sight. */
export interface Mark {
  readonly position: number;
  readonly epoch: string;
  readonly at: number; // ms since 1970
}

export const MOST_EVENTS = 5000; // positions of the log; beyond that nothing is counted
export const AWAY_MS = 5 * 60_000; // who was gone for less has seen it

/** The mark as it was kept; null for what is none. */
export function markOf(text: string | null): Mark | null {
  try {
    const found = JSON.parse(text ?? "null") as Partial<Mark> | null;
    const whole = typeof found?.position === "number" && typeof found.epoch === "string" && typeof found.at === "number";
    return whole ? (found as Mark) : null;
  } catch {
    return null;
  }
}

const DEAD: ReadonlySet<unknown> = new Set(["dead", "dead_failed_revive", "interrupted"]);

/** “3 completed”, “1 failed”, “7 phases advanced”, “2 agents died and came back”; what did not happen is left out. */
export function digestOf(events: Iterable<MonitorEvent>): readonly string[] {
  const became = new Map<unknown, Set<string>>();
  const dead = new Map<string, boolean>(); // who died, and whether it is so still
  const over = new Set<string>(); // contracts that have ended: nobody misses their agents
  let phases = 0;
  for (const event of events) {
    if (event.type === "PhaseChanged") phases += 1;
    if (event.type === "StatusChanged") OVER.has(event["new_status"]) ? over.add(event.contract_id) : over.delete(event.contract_id);
    if (event.type === "StatusChanged") became.set(event["new_status"], (became.get(event["new_status"]) ?? new Set()).add(event.contract_id));
    const now = event.type === "AgentStatusChanged" ? event["new_status"] : event.type === "SupervisorStateChanged" ? event["new_state"] : undefined;
    const who = `${event.contract_id} ${String(event["role"] ?? "supervisor")}`;
    if (now === undefined) continue;
    if (DEAD.has(now)) dead.set(who, true);
    else if (dead.has(who) && now !== "restarting" && event["trigger"] !== "cleanup") dead.set(who, false);
  }
  const still = [...dead].filter(([who, now]) => now && !over.has(who.slice(0, who.indexOf(" ")))).length;
  const back = [...dead.values()].filter((now) => !now).length;
  const count = (status: string): number => became.get(status)?.size ?? 0;
  return [
    count("completed") > 0 ? `${count("completed")} completed` : "",
    count("failed") > 0 ? `${count("failed")} failed` : "",
    count("blocked") > 0 ? `${count("blocked")} blocked` : "",
    phases > 0 ? `${many(phases, "phase")} advanced` : "",
    still > 0 ? `${many(still, "agent")} died` : "",
    back > 0 ? `${many(back, "agent")} died and came back` : "",
  ].filter(Boolean);
}
