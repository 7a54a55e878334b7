/** Which contracts a list shows, in which order. Pure. */

import { many } from "./format";
import type { ContractStatus, Row } from "./shapes";
import type { Filter } from "./url";
import { CONTRACT_ORDER } from "./words";

export type Sort = "needs" | "progress_at" | "created_at" | "name";
export const SORTS: readonly (readonly [Sort, string])[] = [
  ["needs", "Needs you first"], ["progress_at", "Moved longest ago"], ["created_at", "Newest"], ["name", "Name"],
];

/** The order that an address asks for; without one, or with one that is not known: what needs a person first. */
export const sortOf = (query: URLSearchParams): Sort => SORTS.find(([name]) => name === query.get("sort"))?.[0] ?? "needs";

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
const moved = (one: Row, other: Row): number => text(one.progress_at, other.progress_at);
const BY: Readonly<Record<Sort, (one: Row, other: Row) => number>> = {
  needs: (one, other) => rank(one) - rank(other) || moved(one, other),
  progress_at: moved,
  created_at: (one, other) => text(other.created_at, one.created_at),
  name: (one, other) => text(one.name.toLowerCase(), other.name.toLowerCase()),
};

const ordered = (sort: Sort, one: Row, other: Row): number => BY[sort](one, other) || text(one.id, other.id);

/** The rows that fit, in order; equal ones by id, so that an order is the same at each paint. */
export function listed(rows: Iterable<Row>, filter: Filter, sort: Sort): Row[] {
  const fit = fits(filter);
  return [...rows].filter(fit).sort((one, other) => ordered(sort, one, other));
}

/** What changed since a list was made: the paint that it was, and the ids; another number than the next one says that paints were missed. */
export interface Touched {
  readonly painted: number;
  readonly ids: ReadonlySet<string>;
}

interface Rows {
  readonly get: (id: string) => Row | undefined;
  readonly rows: () => Iterable<Row>;
}

/** Rows in order, and how many of all fit each view, kept from paint to paint: of 10 000 rows only those that changed cost. */
export class Listing {
  private rows: readonly Row[] = [];
  private masks = new Map<string, number>(); // which views an id fits, a bit for each
  private readonly tests: readonly ((row: Row) => boolean)[];
  private shown = "";
  private painted = -1;
  private counted: number[];

  constructor(private readonly views: readonly Filter[]) {
    this.tests = views.map(fits);
    this.counted = views.map(() => 0);
  }

  /** The rows that fit, in order, and how many fit each view; as `listed` says. */
  at(painted: number, store: Rows, touched: Touched, filter: Filter, sort: Sort): { readonly rows: readonly Row[]; readonly counts: readonly number[] } {
    const shown = JSON.stringify([sort, filter]);
    const next = this.painted >= 0 && touched.painted === painted && painted === this.painted + 1;
    const same = painted === this.painted;
    if (next) for (const id of touched.ids) this.count(id, store.get(id));
    else if (!same) this.recount(store.rows());
    if (next && shown === this.shown) this.rows = merged(this.rows, touched.ids, listed(existing(touched.ids, store), filter, sort), sort);
    else if (!same || shown !== this.shown) this.rows = listed(store.rows(), filter, sort);
    [this.shown, this.painted] = [shown, painted];
    return { rows: this.rows, counts: [...this.counted] };
  }

  private recount(rows: Iterable<Row>): void {
    this.masks = new Map();
    this.counted = this.views.map(() => 0);
    for (const row of rows) this.count(row.id, row);
  }

  private count(id: string, row: Row | undefined): void {
    const before = this.masks.get(id) ?? 0;
    const now = row === undefined ? 0 : this.tests.reduce((mask, fit, k) => (fit(row) ? mask | (1 << k) : mask), 0);
    if (row === undefined) this.masks.delete(id);
    else this.masks.set(id, now);
    for (let k = 0; k < this.counted.length; k++) this.counted[k]! += ((now >> k) & 1) - ((before >> k) & 1);
  }
}

function* existing(ids: Iterable<string>, store: Rows): Iterable<Row> {
  for (const id of ids) {
    const row = store.get(id);
    if (row !== undefined) yield row;
  }
}

/** `rows` without those that were touched, and `fresh` in their places; both are in order. */
function merged(rows: readonly Row[], touched: ReadonlySet<string>, fresh: readonly Row[], sort: Sort): Row[] {
  const stayed = rows.filter((row) => !touched.has(row.id));
  const found: Row[] = [];
  let next = 0;
  for (const row of fresh) {
    const place = placeOf(row, stayed, next, sort);
    while (next < place) found.push(stayed[next++]!);
    found.push(row);
  }
  while (next < stayed.length) found.push(stayed[next++]!);
  return found;
}

/** Where among `rows`, from `low` on, a row belongs. */
function placeOf(row: Row, rows: readonly Row[], low: number, sort: Sort): number {
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ordered(sort, rows[middle]!, row) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** How many have which status, and the stale ones, the longest silent first. */
export function summary(rows: Iterable<Row>): { readonly statuses: ReadonlyMap<ContractStatus, number>; readonly stale: readonly Row[] } {
  const statuses = new Map<ContractStatus, number>();
  const stale: Row[] = [];
  for (const row of rows) {
    statuses.set(row.status, (statuses.get(row.status) ?? 0) + 1);
    if (row.stale) stale.push(row);
  }
  return { statuses, stale: stale.sort(moved) };
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
      return open > 0 ? `${open} of ${many(row.tasks.total, "task")}` : "";
    }
    default:
      return "";
  }
}
