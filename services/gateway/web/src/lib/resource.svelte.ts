/** What the socket does not carry: read once, and again when an event says that it has changed; on a timer only what no
 * event tells of. */

import { type Options, Problem } from "./api";
import { clock } from "./clock.svelte";
import { live } from "./live.svelte";
import { periodically } from "./period";
import { api } from "./session.svelte";
import type { MonitorEvent } from "./shapes";

const AT_MOST_EVERY_MS = 1000; // however many events come

/** What a part of a page needs to show it: null was not read yet. */
export interface Known<Body> {
  readonly body: Body | null;
  readonly error: Problem | null;
  readonly again: () => void;
}

/** Of figures that no event tells of. */
export const FIGURES_EVERY_MS = 15_000;

const living = new Set<{ again(): void }>();

/** Read everything again that the page shows. */
export function rereadAll(): void {
  for (const resource of living) resource.again();
}

export class Resource<Body> {
  body = $state.raw<Body | null>(null);
  error = $state.raw<Problem | null>(null);
  reading = $state(false);
  /** When `body` was answered, in ms, by the server's clock. */
  at = $state<number | null>(null);
  private asked = 0;
  private due: ReturnType<typeof setTimeout> | null = null;
  private last = 0;

  /** `path` null: nothing is read. `on`: whether an event changes it. `every`: also after so many ms, while the page is
   * looked at and live. Make it in a component: it ends with that. */
  constructor(private readonly path: () => string | null, on: (event: MonitorEvent) => boolean = () => false, every: number | null = null) {
    $effect(() => {
      const path = this.path();
      this.asked += 1; // what is on its way is of another path
      this.body = null;
      this.error = null;
      this.at = null;
      this.reading = false;
      if (path !== null) void this.read(0);
      const ends = live.follow((events) => {
        const found = events.filter(on);
        if (found.length > 0) this.again(Math.max(...found.map((event) => event.position)));
      });
      const stops = path === null || every === null ? null : periodically(() => live.fresh && !this.reading && void this.read(0), every);
      living.add(this);
      return () => {
        living.delete(this);
        ends();
        stops?.();
        if (this.due !== null) clearTimeout(this.due);
        this.due = null;
      };
    });
  }

  /** Read it again, soon: at this position or later. */
  again(position = 0): void {
    if (this.due !== null) return;
    this.due = setTimeout(() => {
      this.due = null;
      void this.read(position);
    }, Math.max(0, AT_MOST_EVERY_MS - (Date.now() - this.last)));
  }

  async read(position: number): Promise<void> {
    const path = this.path();
    if (path === null) return;
    const asked = ++this.asked;
    this.last = Date.now();
    this.reading = true;
    try {
      const body = await this.ask(path, position > 0 ? { minPosition: Math.max(position, api.written) } : {});
      if (asked !== this.asked) return; // an older answer came later
      this.body = body;
      this.at = clock.exact;
      this.error = null;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (asked === this.asked) this.error = error;
    } finally {
      if (asked === this.asked) this.reading = false;
    }
  }

  protected ask(path: string, options: Options): Promise<Body> {
    return api.get<Body>(path, options);
  }
}

/** All pages of a list. */
export class Listed<Item> extends Resource<readonly Item[]> {
  protected override async ask(path: string, options: Options): Promise<readonly Item[]> {
    const found: Item[] = [];
    await api.all<Item>(path, (items) => found.push(...items), options);
    return found;
  }
}
