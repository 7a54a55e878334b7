/** The strip of beats: `111l110|111`, newest right. Height carries the meaning, colour repeats it. */

export type Beat = "on time" | "late" | "missed" | "a new connection" | "not joined";

const MEANING: Readonly<Record<string, Beat>> = { "1": "on time", l: "late", "0": "missed", "|": "a new connection", "-": "not joined" };

/** `GET /agents?beats=60`: each slot is `step_seconds`, the last one ends at `to`. */
export interface Strip {
  readonly to: string;
  readonly step_seconds: number;
  readonly slots: string;
}

/** True for the answer of a gateway that cannot tell beats: then it is asked without. */
export const refusesBeats = (code: string | undefined, detail: string | undefined): boolean => code === "INVALID_REQUEST" && (detail ?? "").includes("beats");

export function beatsOf(slots: string): readonly Beat[] {
  return [...slots].map((slot) => MEANING[slot] ?? "not joined");
}

/** One sentence for whoever cannot see it. */
export function beatsSentence(beats: readonly Beat[]): string {
  const count = (of: Beat): number => beats.filter((beat) => beat === of).length;
  const parts = [`${count("on time")} on time`];
  if (count("late") > 0) parts.push(`${count("late")} late`);
  if (count("missed") > 0) parts.push(`${count("missed")} missed`);
  if (count("a new connection") > 0) parts.push("a new connection");
  if (count("not joined") === beats.length) return "it has not joined";
  return `last ${beats.length} beats: ${parts.join(", ")}`;
}
