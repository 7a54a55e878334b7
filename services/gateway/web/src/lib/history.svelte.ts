/** What happened around a contract, read from its end backwards and then by what is new; and the contract as it was at a version. */

import { untrack } from "svelte";
import { Problem } from "./api";
import type { Whole } from "./contract";
import { api } from "./session.svelte";
import type { Page } from "./shapes";
import { type LogEvent, versionAfter } from "./timeline";

const PAGE = 200;
const NEWS = 500;
const SETTLES_MS = 80; // while the slider moves nothing is asked

/** A part of the timeline up to now: `back` reads further back, `news` what came since. */
export class History {
  events = $state.raw<readonly LogEvent[]>([]); // by position
  begun = $state(false); // the newest were read
  older = $state(false); // there are some before the first that is known
  reading = $state(false);
  error = $state.raw<Problem | null>(null);
  private wanted: number | null = null; // read what is new, at this position or later
  private reached = (): boolean => true; // nothing further back is asked for

  /** `categories`: of which streams; empty: of all. `onnews`: what came since the first read. */
  constructor(private readonly path: string, private readonly categories = "", private readonly onnews: (events: readonly LogEvent[]) => void = () => undefined) {}

  /** The version of the contract that the first known event made; 1 where it is known from its beginning. */
  get first(): number {
    if (!this.older) return 1;
    for (const event of this.events) if (versionAfter(event) !== null) return versionAfter(event)!;
    return Infinity;
  }

  /** What is new since it was read last, at this position of the log or later; at first the newest page. */
  async news(position = 0): Promise<void> {
    this.wanted = Math.max(this.wanted ?? 0, position);
    await this.read();
  }

  /** A page further back. */
  async back(): Promise<void> {
    const first = this.events[0];
    await this.backUntil(() => this.events[0] !== first);
  }

  /** As far back as `reached` asks for. */
  async backUntil(reached: () => boolean): Promise<void> {
    this.reached = reached;
    await this.read();
  }

  /** All that is asked for, one request after the other: or an event would be read twice. */
  private async read(): Promise<void> {
    if (this.reading) return;
    this.reading = true;
    try {
      for (let step = this.next(); step !== null; step = this.next()) await step();
      this.error = null;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.error = error;
    } finally {
      this.reading = false;
    }
  }

  private next(): (() => Promise<void>) | null {
    const { wanted } = this;
    if (!this.begun) return () => this.backward();
    if (wanted !== null) return () => this.forward(wanted);
    return this.older && !this.reached() ? () => this.backward() : null;
  }

  private async backward(): Promise<void> {
    const before = this.events[0] === undefined ? "" : `&before=${this.events[0].position}`;
    const page = await api.get<Page<LogEvent>>(`${this.address}order=desc&limit=${PAGE}${before}`);
    this.events = [...page.items.toReversed(), ...this.events];
    this.older = page.next_cursor !== null;
    if (!this.begun) [this.begun, this.wanted] = [true, null];
  }

  private async forward(position: number): Promise<void> {
    this.wanted = null;
    const found: LogEvent[] = [];
    await api.all<LogEvent>(`${this.address}limit=${NEWS}&after=${this.events.at(-1)?.position ?? 0}`, (items) => found.push(...items), position > 0 ? { minPosition: Math.max(position, api.written) } : {});
    if (found.length === 0) return;
    this.events = [...this.events, ...found];
    this.onnews(found);
  }

  private get address(): string {
    return `${this.path}/timeline?${this.categories ? `categories=${this.categories}&` : ""}`;
  }
}

/** What was at a version stays so: it is asked for once. While another version is read, the one that was shown stays;
 * `body` is null as long as none of the past is known, and where it could not be read. */
export class Past {
  body = $state.raw<Whole | null>(null);
  error = $state.raw<Problem | null>(null);
  private readonly seen = new Map<number, Whole>();
  private attempt = $state(0);

  constructor(path: string, version: () => number | null) {
    $effect(() => {
      const at = version();
      void this.attempt;
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

  again(): void {
    this.attempt += 1;
  }

  private async read(path: string, at: number, over: () => boolean): Promise<void> {
    try {
      const body = await api.get<Whole>(path);
      this.seen.set(at, body);
      if (!over()) this.body = body;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (!over()) [this.body, this.error] = [null, error];
    }
  }
}
