/** The log of one contract, read to its end and then by what is new; and the contract as it was at a version. */

import { untrack } from "svelte";
import { Problem } from "./api";
import type { Whole } from "./contract";
import { api } from "./session.svelte";
import type { LogEvent } from "./timeline";

const PAGE = 500;
const SETTLES_MS = 80; // while the slider moves nothing is asked

export class History {
  events = $state.raw<readonly LogEvent[]>([]);
  complete = $state(false); // read to its end once
  error = $state.raw<Problem | null>(null);
  private reading = false;
  private wanted = 0;

  constructor(private readonly path: string) {}

  /** Read what is after the last event that is known, until `version` is there. */
  async upTo(version: number): Promise<void> {
    this.wanted = Math.max(this.wanted, version);
    if (this.reading) return;
    this.reading = true;
    try {
      do await this.more();
      while (this.known < this.wanted && this.error === null && this.grew);
      this.complete = true;
      this.error = null;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.error = error;
    } finally {
      this.reading = false;
    }
  }

  private grew = false;

  private get known(): number {
    return this.events.at(-1)?.streamversion ?? 0;
  }

  private async more(): Promise<void> {
    const found: LogEvent[] = [];
    await api.all<LogEvent>(`${this.path}/events?limit=${PAGE}&after=${this.known}`, (items) => found.push(...items));
    this.grew = found.length > 0;
    if (this.grew) this.events = [...this.events, ...found];
  }
}

/** What was at a version stays so: it is asked for once. What was shown stays until the next is there. */
export class Past {
  body = $state.raw<Whole | null>(null);
  error = $state.raw<Problem | null>(null);
  private readonly seen = new Map<number, Whole>();

  constructor(path: string, version: () => number | null) {
    $effect(() => {
      const at = version();
      this.error = null;
      if (at === null) {
        this.body = null;
        return;
      }
      const known = this.seen.get(at);
      if (known !== undefined) {
        this.body = known;
        return;
      }
      let over = false;
      const timer = setTimeout(() => void this.read(`${path}?at=${at}`, at, () => over), untrack(() => this.body) === null ? 0 : SETTLES_MS);
      return () => {
        over = true;
        clearTimeout(timer);
      };
    });
  }

  private async read(path: string, at: number, over: () => boolean): Promise<void> {
    try {
      const body = await api.get<Whole>(path);
      this.seen.set(at, body);
      if (!over()) this.body = body;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (!over()) this.error = error;
    }
  }
}
