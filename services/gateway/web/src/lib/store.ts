/** The contracts of the page, by id. A value never goes back: older news of a row is dropped. */

import type { Message, MonitorEvent, Row } from "./shapes";

const RECENT_EVENTS = 200;

interface Held {
  readonly row: Row;
  readonly position: number; // of the message that brought it; 0: it was read with GET
}

/** What one paint shows: which rows changed, which went, which events are new. */
export interface Changes {
  readonly changed: ReadonlySet<string>;
  readonly removed: ReadonlySet<string>;
  readonly events: readonly MonitorEvent[];
}

export class Store {
  private readonly held = new Map<string, Held>();
  private gone = new Map<string, number>(); // removed ids, with the position at which they went
  private changed = new Set<string>();
  private removed = new Set<string>();
  private fresh: MonitorEvent[] = [];
  private said = new Set<string>(); // events that were counted, by what names them

  get size(): number {
    return this.held.size;
  }

  get(id: string): Row | undefined {
    return this.held.get(id)?.row;
  }

  *rows(): IterableIterator<Row> {
    for (const { row } of this.held.values()) yield row;
  }

  /** How many rows and events wait to be painted. */
  get waiting(): number {
    return this.changed.size + this.removed.size + this.fresh.length;
  }

  /** Rows that were read with GET, at position `shown` or later. */
  read(rows: readonly Row[], shown: number): void {
    for (const row of rows) {
      const goneAt = this.gone.get(row.id);
      if (goneAt !== undefined && goneAt > shown) continue;
      const known = this.held.get(row.id);
      if (known === undefined || row.version > known.row.version || (row.version === known.row.version && shown > known.position)) this.put(row, 0);
    }
  }

  /** A message of the monitor; those that change nothing of the store are passed over. */
  take(message: Message): void {
    if (message.type === "Rows") {
      for (const row of message.rows) {
        const known = this.held.get(row.id);
        if (known === undefined || (row.version >= known.row.version && message.position >= known.position)) this.put(row, message.position);
      }
      for (const id of message.removed ?? []) this.remove(id, message.position);
    } else if ("contract_id" in message && "position" in message) this.event(message);
  }

  /** Everything is read anew: another log, or another session. */
  clear(): void {
    for (const id of this.held.keys()) this.removed.add(id);
    this.held.clear();
    this.gone = new Map();
    this.changed = new Set();
    this.fresh = [];
    this.said = new Set();
  }

  /** What is new since the last call. */
  paint(): Changes {
    const changes = { changed: this.changed, removed: this.removed, events: this.fresh };
    this.changed = new Set();
    this.removed = new Set();
    this.fresh = [];
    return changes;
  }

  private put(row: Row, position: number): void {
    this.held.set(row.id, { row, position });
    this.removed.delete(row.id);
    this.changed.add(row.id);
  }

  private remove(id: string, position: number): void {
    const known = this.held.get(id);
    this.gone.set(id, position);
    if (known === undefined || known.position > position) return;
    this.held.delete(id);
    this.changed.delete(id);
    this.removed.add(id);
  }

  private event(event: MonitorEvent): void {
    const name = `${event.position} ${event.type} ${event.contract_id} ${String(event["role"] ?? event["task_id"] ?? "")}`;
    if (this.said.has(name)) return; // a replay after a reconnect
    this.said.add(name);
    if (this.said.size > 20 * RECENT_EVENTS) this.said = new Set([...this.said].slice(-10 * RECENT_EVENTS));
    this.fresh.push(event);
    if (this.fresh.length > RECENT_EVENTS) this.fresh.splice(0, this.fresh.length - RECENT_EVENTS);
  }
}
