/** The gate of a phase as a tree: its conditions, those of a kind together. Pure. */

import { count } from "./format";
import type { Condition } from "./shapes";

export interface Branch {
  readonly name: string;
  readonly note: string;
  readonly state: Condition["state"];
  readonly since: string | null;
  readonly self: Condition | null; // the condition itself, where it stands alone
  readonly leaves: readonly Condition[];
}

/** Deliverables, tasks, validator, switches, guard; in this order, as each asks more of others than the one before. */
export function branches(conditions: readonly Condition[]): readonly Branch[] {
  const of = (...kinds: Condition["kind"][]): Condition[] => conditions.filter((one) => kinds.includes(one.kind));
  const group = (name: string, note: string, rule: Condition | null, leaves: readonly Condition[]): Branch => ({ name, note, state: rule?.state ?? together(leaves), since: rule?.since ?? null, self: rule, leaves });
  const [deliverables, tasks] = [of("deliverable"), of("task")];
  const rule = of("tasks")[0] ?? null;
  const found: Branch[] = [];
  if (deliverables.length > 0) found.push(group("Deliverables", met(deliverables), null, deliverables));
  if (tasks.length > 0 || rule !== null) found.push(group("Tasks", rule?.name ?? met(tasks), rule, tasks));
  for (const one of of("validator", "switch", "guard")) found.push({ name: one.name, note: "", state: one.state, since: one.since ?? null, self: one, leaves: [] });
  return found;
}

/** What is missing has been missing since its phase was entered, where the API knows no other moment. */
export const dated = (conditions: readonly Condition[], entered: string | null | undefined): readonly Condition[] =>
  entered ? conditions.map((one) => (!one.since && one.state === "missing" && ["deliverable", "task", "tasks"].includes(one.kind) ? { ...one, since: entered } : one)) : conditions;

const met = (leaves: readonly Condition[]): string => `${count(leaves.filter((leaf) => leaf.state === "met").length)} of ${count(leaves.length)}`;

/** Missing where one is missing, else unknown where one is unknown. */
function together(leaves: readonly Condition[]): Condition["state"] {
  if (leaves.some((leaf) => leaf.state === "missing")) return "missing";
  if (leaves.some((leaf) => leaf.state === "unknown")) return "unknown";
  return leaves.every((leaf) => leaf.state === "not_required") ? "not_required" : "met";
}

/** Class and glyph of a row. */
const LOOK = {
  met: { row: "met", glyph: "check", word: "met" },
  missing: { row: "miss", glyph: "seed", word: "missing" },
  unknown: { row: "unk", glyph: "q", word: "not known" },
  not_required: { row: "off", glyph: "minus", word: "not required" },
} as const;

const RUNS = { row: "run", glyph: "disc", word: "running" } as const;

/** How a condition looks: a task that is missing and runs is on its way. */
export const lookOf = (state: Condition["state"], condition: Condition | null): { readonly row: string; readonly glyph: string; readonly word: string } =>
  state === "missing" && condition?.task_status === "running" ? RUNS : LOOK[state];

/** The state in a word: a guard waits or was not asked, a switch is on or off, a task that is missing is pending, claimed, running or failed. */
export function stateWord(condition: Condition): string {
  const { kind, state } = condition;
  if (state === "missing" && condition.task_status) return condition.task_status;
  if (kind === "switch") return state === "met" ? "on" : "off";
  if (kind === "guard" && state !== "not_required") return { met: "confirmed", missing: "waits", unknown: "not asked" }[state];
  return LOOK[state].word;
}

/** Who must act, in words: “you”, “builder”, “the contract service”. */
export function who(condition: Condition): string {
  const of = condition.who;
  if (condition.state === "met" || condition.state === "not_required" || !of) return "";
  if (of.kind === "person") return condition.kind === "guard" && condition.state === "unknown" ? "you, once the rest is met" : "you";
  return of.role ?? (of.kind === "agent" ? "an agent, none has claimed it" : "a service");
}
