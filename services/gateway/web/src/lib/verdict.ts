/** What a verdict rests on: each number with whether it is a recorded fact or an inference. Pure. */

import { count, instant, moment, threshold } from "./format";
import type { Verdict } from "./life";

export interface Proof {
  readonly name: string;
  readonly value: string;
  readonly note: string;
  readonly fact: boolean;
}

export interface Drawing {
  readonly last: number | null; // ms since 1970; null: none ever arrived
  readonly timeout: number; // s
  readonly deadline: number;
  readonly watermark: number;
  readonly late: number; // ms
  readonly missed: readonly number[]; // the intervals that passed without one, in s after the last
}

const text = (value: unknown): string => (value === null || value === undefined || value === "" ? "" : String(value));
const number = (value: unknown): number | null => (typeof value === "number" && Number.isFinite(value) ? value : null);
const when = (value: unknown): string => {
  const at = instant(text(value));
  return at === null ? UNKNOWN : moment(at);
};
export const UNKNOWN = "not known";
export const milliseconds = (value: number): string => `${value < 100 ? Math.round(value * 10) / 10 : count(Math.round(value))} ms`;

/** All that the evidence says, in the order of the argument; what this page does not know by name comes last, as it is. */
export function proofs(verdict: Verdict): Proof[] {
  const { evidence } = verdict;
  const sequence = number(evidence["stream_sequence"]);
  const late = number(evidence["lateness_ms"]);
  const timeout = number(evidence["timeout_seconds"]);
  const fact = (name: string, value: string, note: string): Proof => ({ name, value, note, fact: true });
  const never = !text(evidence["last_heartbeat_at"]);
  return [
    fact("Last heartbeat", never ? "none" : when(evidence["last_heartbeat_at"]), never ? "no heartbeat of it ever reached the broker" : "as it came to the broker, by the broker’s clock"),
    fact("Stream sequence", sequence === null ? UNKNOWN : count(sequence), `of that heartbeat; epoch ${text(evidence["stream_epoch"]) || UNKNOWN}`),
    fact("Allowed silence", timeout === null ? UNKNOWN : threshold(timeout), "in force then"),
    fact("Deadline", when(evidence["deadline"]), "the next one was due by then"),
    fact("Read up to", when(evidence["watermark"]), "every heartbeat that the broker held until here was read"),
    fact("Late by", late === null ? UNKNOWN : milliseconds(late), "from the deadline to the verdict"),
    fact("Decided by", text(evidence["decided_by"]) || UNKNOWN, "the replica whose append came first"),
    fact("Recorded", when(verdict.at), `${verdict.event ?? "event"} at position ${count(verdict.position)}${verdict.stream ? `, stream ${verdict.stream}` : ""}`),
    ...Object.entries(evidence).filter(([name]) => !KNOWN.has(name)).map(([name, value]) => fact(name.replaceAll("_", " "), typeof value === "object" ? JSON.stringify(value) : text(value) || UNKNOWN, "")),
    { name: "The process is gone", value: UNKNOWN, note: "silence proves that nothing came; it may hang, or be cut off", fact: false },
  ];
}
const KNOWN = new Set(["last_heartbeat_at", "timeout_seconds", "deadline", "watermark", "lateness_ms", "decided_by", "stream_sequence", "stream_epoch"]);
const MOST_MISSED = 12;

/** What the drawing needs; null where the evidence has no deadline to draw. */
export function drawing(verdict: Verdict, interval: number): Drawing | null {
  const { evidence } = verdict;
  const [deadline, watermark, timeout] = [instant(text(evidence["deadline"])), instant(text(evidence["watermark"])), number(evidence["timeout_seconds"])];
  if (deadline === null || watermark === null || timeout === null) return null;
  const missed = interval > 0 ? Math.ceil(timeout / interval) - 1 : 0;
  return {
    last: instant(text(evidence["last_heartbeat_at"])), timeout, deadline, watermark, late: number(evidence["lateness_ms"]) ?? watermark - deadline,
    missed: missed > MOST_MISSED ? [] : Array.from({ length: Math.max(0, missed) }, (_, k) => (k + 1) * interval),
  };
}
