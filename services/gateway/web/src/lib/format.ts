/** Numbers and times as the page writes them. Seconds in, text out; all pure. */

export const NONE = "–";
const THIN = "\u202f";
const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;

/** Counts: thin spaces from 1 000 on, never shortened. */
export function count(value: number): string {
  return String(Math.trunc(value)).replace(/\B(?=(\d{3})+$)/g, THIN);
}

/** `560 of 2 418`. */
export function part(some: number, all: number): string {
  return `${count(some)} of ${count(all)}`;
}

/** A rate, with one decimal: `38.1`; its unit is written beside it. */
export function rate(value: number): string {
  return value >= 1000 ? count(Math.round(value)) : value.toFixed(1);
}

const two = (value: number): string => String(value).padStart(2, "0");
const hours = (seconds: number): string => `${Math.floor(seconds / HOUR)} h ${two(Math.floor((seconds % HOUR) / MINUTE))}`;

/** How long ago: no minutes below 2 of them, as the deadlines are 90 and 120 s. */
export function age(seconds: number): string {
  const s = Math.max(0, seconds);
  if (s < 10) return `${(Math.floor(s * 10) / 10).toFixed(1)} s`;
  if (s < 2 * MINUTE) return `${Math.floor(s)} s`;
  if (s < HOUR) return `${Math.floor(s / MINUTE)} min`;
  if (s < DAY) return hours(s);
  return `${count(Math.floor(s / DAY))} d`;
}

/** A length, not an age: `1 min 59 s`, `3 h 05`. */
export function length(seconds: number): string {
  const s = Math.max(0, seconds);
  if (s < MINUTE) return age(s);
  if (s < HOUR) return `${Math.floor(s / MINUTE)} min ${Math.floor(s % MINUTE)} s`;
  return age(s);
}

/** What is still to come: `in 4 s`, `in 16 h 01`; what is due by now: `now`. */
export function future(seconds: number): string {
  if (seconds <= 0) return "now";
  if (seconds < 2 * MINUTE) return `in ${Math.ceil(seconds)} s`;
  return `in ${age(seconds)}`;
}

/** Milliseconds since 1970 of an RFC 3339 time; null for none, or for what is none. */
export function instant(time: string | null | undefined): number | null {
  const at = time ? Date.parse(time) : Number.NaN;
  return Number.isNaN(at) ? null : at;
}

/** `2026-11-28 09:58:12.301 UTC`. */
export function moment(at: number): string {
  return `${new Date(at).toISOString().slice(0, 23).replace("T", " ")} UTC`;
}

/** `09:58:12`, UTC. */
export function clock(at: number): string {
  return new Date(at).toISOString().slice(11, 19);
}

/** `09:58:12.301`, UTC. */
export function preciseClock(at: number): string {
  return new Date(at).toISOString().slice(11, 23);
}

const LOCAL = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" }); // one: it is dear to make

/** What hover and focus of an age show: the moment in UTC, and where the reader is. */
export const bothClocks = (at: number): string => `${moment(at)}\n${LOCAL.format(at)}`;

/** The first 8 characters of an id. */
export function shortId(id: string): string {
  return id.slice(0, 8);
}

/** A disk's bytes: “0.4 GiB”, “38 GiB”, “1.5 TiB”. */
export function size(bytes: number): string {
  const gib = bytes / 2 ** 30;
  if (gib >= 1024) return `${(gib / 1024).toFixed(1)} TiB`;
  return gib < 10 ? `${gib.toFixed(1)} GiB` : `${Math.floor(gib)} GiB`;
}

/** `3 agents`, `1 agent`; `no` writes nothing as a word: `no agent`. */
export function many(value: number, one: string, more = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : more}`;
}

/** A value with its unit as thresholds have it: 30 s, 10 min, 24 h; lengths that are not whole stay exact. */
export function threshold(seconds: number): string {
  if (seconds >= 2 * HOUR && seconds % HOUR === 0) return `${seconds / HOUR} h`;
  if (seconds > 2 * MINUTE && seconds % MINUTE === 0) return `${seconds / MINUTE} min`;
  return `${count(seconds)} s`;
}

/** A machine's word as people read it: `waiting_for_input` → `waiting for input`. */
export function words(name: string | null | undefined): string {
  return (name ?? "").replaceAll("_", " ");
}

/** Who did it, without the id of the contract that the page is about: `agent builder`. */
export const actorWord = (actor: string | null | undefined): string => (actor ?? "").replace(/^agent:[^:]+:/, "agent ");
