/** An agent's life: its steps, and how often each was taken, on the diagram of its states. Pure. */

import type { AgentState } from "./shapes";
import { AGENT } from "./words";

export interface Verdict {
  readonly at: string;
  readonly position: number;
  readonly stream?: string;
  readonly event?: string;
  readonly old_status: string;
  readonly new_status: string;
  readonly connection_id: string | null;
  readonly evidence: Readonly<Record<string, unknown>>;
}

export interface Step {
  readonly at: string;
  readonly from: string | null;
  readonly to: string;
  readonly trigger: string | null;
  readonly actor: string | null;
  readonly connection_id?: string | null;
  readonly position: number;
}

/** `GET …/life`: the steps as they are, or in a page; newest first. */
export function lifeOf(answer: unknown): Step[] {
  const members = (answer ?? {}) as { readonly items?: unknown; readonly life?: unknown; readonly steps?: unknown };
  const found = [answer, members.items, members.life, members.steps].find(Array.isArray) as Step[] | undefined;
  return [...(found ?? [])].sort((one, other) => other.position - one.position);
}

/** The steps that verdicts alone tell: joins, leaves and restarts are not among them. */
export function lifeOfVerdicts(verdicts: readonly Verdict[]): Step[] {
  return lifeOf(verdicts.map(({ at, position, old_status, new_status, connection_id, evidence }) => ({
    at, position, connection_id, from: old_status, to: new_status, trigger: "heartbeat_expired", actor: String(evidence["decided_by"] ?? "") || null,
  })));
}

/** Each with how long it stayed so, in seconds; null: it is so still. Newest first, as they come. */
export function withLengths(steps: readonly Step[]): (Step & { readonly seconds: number | null })[] {
  return steps.map((step, k) => ({ ...step, seconds: k === 0 ? null : (Date.parse(steps[k - 1]!.at) - Date.parse(step.at)) / 1000 }));
}

/** Where the states stand. */
export const NODES: Readonly<Record<AgentState, readonly [x: number, y: number, width: number]>> = {
  offline: [70, 150, 96], restarting: [250, 262, 96], ready: [250, 40, 96], working: [470, 40, 96], dead: [470, 150, 96], dead_failed_revive: [470, 262, 148],
};
const HALF = 18; // of a node's height

interface Way { readonly from: AgentState; readonly to: AgentState; readonly path: string; readonly word: string; readonly at: readonly [number, number] }
const way = (from: AgentState, to: AgentState, path: string, word: string, x: number, y: number): Way => ({ from, to, path, word, at: [x, y] });

/** The usual ways; others are drawn where they were taken. */
const USUAL: readonly Way[] = [
  way("offline", "ready", "M112 132C150 92 170 70 202 50", "join", 142, 84),
  way("ready", "working", "M298 32h124", "claim_task", 360, 24),
  way("working", "ready", "M422 50h-124", "task_complete", 360, 66),
  way("working", "dead", "M470 58v72", "heartbeat_expired", 528, 98),
  way("ready", "dead", "M290 58 420 136", "expired", 336, 110),
  way("dead", "restarting", "M420 164 298 246", "restart_initiated", 386, 222),
  way("restarting", "ready", "M250 242V62", "join", 224, 206),
  way("restarting", "dead_failed_revive", "M298 268h96", "restart_exhausted", 346, 286),
  way("dead", "offline", "M418 150H122", "cleanup", 176, 143),
  way("offline", "restarting", "M92 170C130 230 170 256 202 260", "restart", 118, 238),
];

export interface Edge extends Way {
  readonly times: number;
  readonly last: boolean;
}

const known = (state: string | null): state is AgentState => state !== null && Object.hasOwn(NODES, state);

/** The ways of the diagram, each with how often it was taken; the newest step is marked. */
export function edgesOf(steps: readonly Step[]): Edge[] {
  const taken = new Map<string, { times: number; step: Step }>();
  for (const step of steps) {
    if (!known(step.from) || !known(step.to) || step.from === step.to) continue;
    const key = `${step.from}>${step.to}`;
    taken.set(key, { times: (taken.get(key)?.times ?? 0) + 1, step: taken.get(key)?.step ?? step });
  }
  const newest = steps[0] ? `${steps[0].from}>${steps[0].to}` : "";
  const edge = (of: Way): Edge => ({ ...of, times: taken.get(`${of.from}>${of.to}`)?.times ?? 0, last: `${of.from}>${of.to}` === newest });
  const others = [...taken].filter(([key]) => !USUAL.some((of) => `${of.from}>${of.to}` === key));
  return [...USUAL, ...others.map(([, { step }]) => between(step))].map(edge);
}

/** A way that is not drawn by hand: a curve from one node's edge to the other's. */
function between(step: Step): Way {
  const [from, to] = [step.from as AgentState, step.to as AgentState];
  const [ax, ay] = NODES[from];
  const [bx, by] = NODES[to];
  const long = Math.hypot(bx - ax, by - ay);
  const middle = [(ax + bx) / 2 - ((by - ay) / long) * 36, (ay + by) / 2 + ((bx - ax) / long) * 36] as const;
  const [sx, sy] = onEdge(from, middle);
  const [ex, ey] = onEdge(to, middle);
  const at = [(sx + 2 * middle[0] + ex) / 4, (sy + 2 * middle[1] + ey) / 4].map(Math.round) as [number, number];
  return way(from, to, `M${sx} ${sy}Q${Math.round(middle[0])} ${Math.round(middle[1])} ${ex} ${ey}`, step.trigger ?? "", ...at);
}

function onEdge(state: AgentState, toward: readonly [number, number]): readonly [number, number] {
  const [x, y, width] = NODES[state];
  const [dx, dy] = [toward[0] - x, toward[1] - y];
  const part = Math.min(1, Math.min((width / 2 + 3) / Math.abs(dx || 1e-9), (HALF + 3) / Math.abs(dy || 1e-9)));
  return [Math.round(x + dx * part), Math.round(y + dy * part)];
}

/** The states that it has been in. */
export function visited(steps: readonly Step[], now: AgentState): ReadonlySet<string> {
  return new Set([now, ...steps.flatMap((step) => [step.from ?? "", step.to])]);
}

/** One sentence for whoever cannot see the diagram. */
export function lifeSentence(steps: readonly Step[], now: AgentState): string {
  const ways = edgesOf(steps).filter((edge) => edge.times > 0).map((edge) => `${AGENT[edge.from].word} to ${AGENT[edge.to].word}${edge.times > 1 ? ` ${edge.times} times` : ""}`);
  return `State diagram: it is ${AGENT[now].word}${ways.length > 0 ? `; it went from ${ways.join(", from ")}` : ""}`;
}
