/** An agent's life: its steps, and how often each was taken, on the diagram of its states. Pure. */

import type { LifeStep, Verdict } from "./api.types";
import type { AgentState } from "./shapes";
import { AGENT } from "./words";

export type { Verdict } from "./api.types";

/** A step of `GET …/life`; those that verdicts alone tell have less. */
export interface Step extends Pick<LifeStep, "at" | "actor" | "position"> {
  readonly from: string | null;
  readonly to: string;
  readonly trigger: string | null;
  readonly connection_id?: string | null;
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

const OF_SUPERVISORS: ReadonlySet<string> = new Set(["SupervisorRegistered", "SupervisorStateChanged", "SupervisorRestartRequested"]);

/** What led to it, in the words of agents: a supervisor's record has the names of its events. */
export function causeOf(step: Pick<Step, "from" | "to" | "trigger">): string {
  if (step.trigger === null || !OF_SUPERVISORS.has(step.trigger)) return step.trigger ?? "";
  if (step.trigger === "SupervisorRestartRequested") return "restart_initiated";
  if (step.to === "dead") return "heartbeat_expired";
  if (step.to === "offline") return "leave";
  return step.from === null || step.from === "offline" ? "join" : step.from === "ready" || step.from === "working" ? "reported" : "heard again";
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
  way("restarting", "dead_failed_revive", "M298 268h96", "restart_exhausted", 346, 291),
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
  const edges = USUAL.map(edge);
  for (const [, { step }] of others) edges.push(edge(between(step, edges.map(labelBox))));
  return edges;
}

/** `×3` behind the word of a way that was taken. */
export const labelOf = (edge: Pick<Edge, "word" | "times">): string => `${edge.word}${edge.times > 0 ? ` ×${edge.times}` : ""}`;

type Box = readonly [left: number, top: number, right: number, bottom: number];
const [WIDTH, HEIGHT] = [600, 296]; // of the drawing
const LETTER = 5.4; // the width of a letter of a label, generously
const box = (x: number, y: number, text: string): Box => [x - (text.length * LETTER) / 2, y - 10, x + (text.length * LETTER) / 2, y + 3];
export const labelBox = (edge: Edge): Box => box(...edge.at, labelOf(edge));
export const nodeBox = (state: AgentState): Box => [NODES[state][0] - NODES[state][2] / 2, NODES[state][1] - HALF, NODES[state][0] + NODES[state][2] / 2, NODES[state][1] + HALF];
export const overlap = (one: Box, other: Box): boolean => one[0] < other[2] && other[0] < one[2] && one[1] < other[3] && other[1] < one[3];

const BULGES = [30, -30, 52, -52, 76, -76, 104, -104];
const ALONG = [0.5, 0.4, 0.6, 0.3, 0.7, 0.22, 0.78];

/** A way that is not drawn by hand: the curve, and the place of its label on it, that are least in the way of others. */
function between(step: Step, labels: readonly Box[]): Way {
  const [from, to] = [step.from as AgentState, step.to as AgentState];
  const word = causeOf(step);
  const nodes = Object.keys(NODES).map((state) => [state, nodeBox(state as AgentState)] as const);
  let best: Way | null = null;
  let least = Infinity;
  for (const bulge of BULGES) {
    const curve = curved(from, to, bulge);
    const through = nodes.filter(([state, of]) => state !== from && state !== to && [0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9].some((t) => overlap(of, [...curve.at(t), ...curve.at(t)]))).length;
    for (const t of ALONG) {
      const [x, y] = curve.at(t);
      const own = box(x, y + 4, `${word} ×99`);
      const outside = own[0] < 0 || own[1] < 0 || own[2] > WIDTH || own[3] > HEIGHT;
      const cost = 4 * through + 3 * labels.filter((label) => overlap(own, label)).length + 3 * nodes.filter(([, of]) => overlap(own, of)).length + (outside ? 3 : 0);
      if (cost < least) [least, best] = [cost, way(from, to, curve.path, word, x, y + 4)];
    }
  }
  return best!;
}

function curved(from: AgentState, to: AgentState, bulge: number): { readonly path: string; readonly at: (t: number) => readonly [number, number] } {
  const [ax, ay] = NODES[from];
  const [bx, by] = NODES[to];
  const long = Math.hypot(bx - ax, by - ay);
  const middle = [Math.round((ax + bx) / 2 - ((by - ay) / long) * bulge), Math.round((ay + by) / 2 + ((bx - ax) / long) * bulge)] as const;
  const [start, end] = [onEdge(from, middle), onEdge(to, middle)];
  const point = (t: number, of: 0 | 1): number => Math.round((1 - t) ** 2 * start[of] + 2 * t * (1 - t) * middle[of] + t * t * end[of]);
  return { path: `M${start[0]} ${start[1]}Q${middle[0]} ${middle[1]} ${end[0]} ${end[1]}`, at: (t) => [point(t, 0), point(t, 1)] };
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
