/** Which contracts a list shows, in which order. Pure. */

import type { Row } from "./shapes";
import type { Filter } from "./url";
import { CONTRACT_ORDER } from "./words";

export type Sort = "needs" | "progress_at" | "created_at" | "name";
export const SORTS: readonly (readonly [Sort, string])[] = [
  ["needs", "Needs you first"], ["progress_at", "Moved longest ago"], ["created_at", "Newest"], ["name", "Name"],
];

/** Whether a row fits the filter, as the API's `GET /contracts` understands it. */
export function fits(filter: Filter): (row: Row) => boolean {
  const statuses = filter["status"]?.split(",");
  const words = (filter["q"] ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  return (row) =>
    (statuses === undefined || statuses.includes(row.status)) &&
    (filter["phase"] === undefined || row.phase === filter["phase"]) &&
    (filter["stale"] === undefined || row.stale === (filter["stale"] === "true")) &&
    (filter["waiting"] === undefined || (row.waiting_for !== null) === (filter["waiting"] === "true")) &&
    words.every((word) => row.name.toLowerCase().includes(word) || row.id.startsWith(word));
}

const RANK = new Map(CONTRACT_ORDER.map((status, index) => [status, index]));
const rank = (row: Row): number => (RANK.get(row.status) ?? RANK.size) - (row.stale ? 0.5 : 0);
// times are RFC 3339 in UTC with as many digits: they compare as text
const text = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);
const moved = (one: Row, other: Row): number => text(one.progress_at ?? "", other.progress_at ?? "");
const BY: Readonly<Record<Sort, (one: Row, other: Row) => number>> = {
  needs: (one, other) => rank(one) - rank(other) || moved(one, other),
  progress_at: moved,
  created_at: (one, other) => text(other.created_at ?? "", one.created_at ?? ""),
  name: (one, other) => text(one.name.toLowerCase(), other.name.toLowerCase()),
};

/** The rows that fit, in order; equal ones by id, so that an order is the same at each paint. */
export function listed(rows: Iterable<Row>, filter: Filter, sort: Sort): Row[] {
  const fit = fits(filter);
  return [...rows].filter(fit).sort((one, other) => BY[sort](one, other) || text(one.id, other.id));
}

/** What a contract waits for, in words. */
export function waitsFor(row: Row): string {
  switch (row.status) {
    case "waiting_for_input":
      return row.reason ?? (row.waiting_for === "phase_confirmation" ? "you, to confirm the next phase" : "an answer");
    case "blocked":
    case "failed":
      return row.reason ?? "";
    case "paused":
      return "somebody to resume it";
    case "created":
      return "its start";
    case "active": {
      const open = row.tasks.total - row.tasks.completed - row.tasks.failed;
      return open > 0 ? `${open} of ${row.tasks.total} tasks` : "";
    }
    default:
      return "";
  }
}
