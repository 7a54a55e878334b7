/** The strip of beats: `111l110|111`, newest right. Height carries the meaning, colour repeats it. */

import type { BeatStrip } from "./api.types";
import type { Step } from "./life";

export type Beat = "on time" | "late" | "missed" | "a new connection" | "not there";

const MEANING: Readonly<Record<string, Beat>> = { "1": "on time", l: "late", "0": "missed", "|": "a new connection", "-": "not there" };

/** `GET /agents?beats=60`: each slot is `step_seconds`, the last one ends at `to`. */
export type Strip = BeatStrip;

/** True for the answer of a gateway that cannot tell beats: then it is asked without. */
export const refusesBeats = (code: string | undefined, detail: string | undefined): boolean => code === "INVALID_REQUEST" && (detail ?? "").includes("beats");

export function beatsOf(slots: string): readonly Beat[] {
  return [...slots].map((slot) => MEANING[slot] ?? "not there");
}

/** One sentence for whoever cannot see it. */
export function beatsSentence(beats: readonly Beat[]): string {
  const count = (of: Beat): number => beats.filter((beat) => beat === of).length;
  const parts = [`${count("on time")} on time`];
  if (count("late") > 0) parts.push(`${count("late")} late`);
  if (count("missed") > 0) parts.push(`${count("missed")} missed`);
  if (count("a new connection") > 0) parts.push("a new connection");
  if (count("not there") === beats.length) return "it was not there";
  return `last ${beats.length} beats: ${parts.join(", ")}`;
}

export interface Connection {
  readonly id: string;
  readonly from: number; // the slot in which it joined; 0: it was there before the first
  readonly joined: string | null; // when; null: before the first slot
}

/** The slot that a moment falls into; below 0: before the first. */
function slotOf({ to, step_seconds, slots }: Strip, at: string): number {
  return slots.length - 1 - Math.floor((Date.parse(to) - Date.parse(at)) / (1000 * step_seconds));
}

/** The connections that a strip shows, oldest first, by the agent's life (newest first). */
export function connectionsOf(strip: Strip, life: readonly Step[]): readonly Connection[] {
  const found: Connection[] = [];
  for (const { at, connection_id: id } of life.toReversed()) {
    if (!id || id === found.at(-1)?.id) continue;
    const slot = slotOf(strip, at);
    if (slot >= strip.slots.length) continue; // the strip ends before it
    found.push({ id, from: Math.max(0, slot), joined: slot < 0 ? null : at });
  }
  return found.slice(Math.max(0, found.findLastIndex((one) => one.joined === null)));
}
