/** The socket and the store, as the pages see them: painted at most 5 times a second. */

import { Problem } from "./api";
import { api, session } from "./session.svelte";
import type { Renewed } from "./bands";
import { clock } from "./clock.svelte";
import { Heard } from "./heard";
import type { MonitorEvent, Row } from "./shapes";
import { Store } from "./store";
import { type Condition, type Socket, Stream } from "./stream";

const PAINT_MS = 200; // 5 paints a second
const KEPT_EVENTS = 60;
const READ_AGAIN_MS = 2000;
const SIGHT_MS = 500; // while rows pass by nothing is asked for each of them
const MOST_IN_SIGHT = 200; // the server takes no more

type Follower = (events: readonly MonitorEvent[]) => void;

class Live {
  /** Grows with each paint: who reads rows reads this first. */
  painted = $state(0);
  /** All rows were read once. */
  complete = $state(false);
  /** Why not, where the last try failed; the next one follows by itself. */
  unread = $state.raw<Problem | null>(null);
  /** Everything was read anew, and why; until somebody has read it. */
  renewed = $state.raw<Renewed | null>(null);
  condition = $state.raw<Condition>({ freshness: "connecting", position: 0, epoch: "", tick: null, attempt: 0, nextAt: null, lostAt: null });
  paused = $state(false);
  held = $state(0); // changes that came while it is paused
  events = $state.raw<readonly MonitorEvent[]>([]); // newest first
  readonly store = new Store();
  /** Which rows the newest paint changed or took away: who holds a list mends it, instead of making it anew. */
  touched: { readonly painted: number; readonly ids: ReadonlySet<string> } = { painted: 0, ids: new Set() };
  /** Grows with each paint that has new heartbeats: who reads `heard` reads this first. */
  beaten = $state(0);
  readonly heard = new Heard();
  private readonly followers = new Set<Follower>();
  private stream: Stream | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private lastPaint = 0;
  private reading = 0; // of GETs of all rows: only the newest may say that it is complete

  /** True where what is shown is what is: neither paused nor cut off nor behind. */
  readonly fresh = $derived(!this.paused && this.condition.freshness === "live");

  start(): void {
    this.stream ??= new Stream(
      {
        message: (message) => {
          if (message.type === "Heartbeat") this.heard.take(message);
          else this.store.take(message);
          this.schedule();
        },
        condition: (condition) => this.moved(condition),
        readAnew: (position, why, reason = "") => {
          if (why === "reset") this.renewed = { at: clock.exact, reason };
          void this.readAll(position, why === "reset");
        },
        signedOut: () => session.signedOut(),
      },
      openSocket,
    );
    this.stream.start();
  }

  stop(): void {
    this.stream?.stop();
    this.stream = null;
    this.asked = [];
    this.store.clear();
    this.heard.clear();
    this.complete = false;
    this.unread = this.renewed = null;
    if (this.again !== null) clearTimeout(this.again.timer);
    this.again = null;
    this.reading += 1; // what is still being read is nobody's
    this.events = [];
  }

  /** The contracts of which every heartbeat is wanted: those in sight. Asked for at most twice a second. */
  heartbeatsOf(ids: readonly string[]): void {
    this.sight = ids.slice(0, MOST_IN_SIGHT).sort();
    this.asking ??= setTimeout(() => {
      this.asking = null;
      if (this.sight.join() === this.asked.join()) return;
      this.asked = this.sight;
      this.stream?.want(this.sight.length > 0 ? { heartbeats_of: this.sight } : {});
    }, SIGHT_MS);
  }

  private sight: readonly string[] = [];
  private asked: readonly string[] = [];
  private asking: ReturnType<typeof setTimeout> | null = null;

  retryNow(): void {
    this.stream?.retryNow();
  }

  /** Be told of the events of each paint; answers what ends it. */
  follow(follower: Follower): () => void {
    this.followers.add(follower);
    return () => this.followers.delete(follower);
  }

  pause(): void {
    this.paused = !this.paused;
    clock.running = this.fresh;
    if (!this.paused) this.paint();
  }

  private moved(condition: Condition): void {
    const was = this.condition;
    // position and tick change with each message: shown with the next paint
    if (was.freshness === condition.freshness && was.attempt === condition.attempt) this.pending = condition;
    else this.show(condition);
    if (condition.tick !== null && condition.tick !== was.tick) clock.heard(condition.tick.timestamp);
    this.schedule();
    if (condition.freshness === "off" && condition.attempt === 2) void session.begin(); // is it the session that is over?
  }

  private pending: Condition | null = null;

  private show(condition: Condition): void {
    this.pending = null;
    this.condition = condition;
    clock.running = this.fresh;
  }

  private schedule(): void {
    if (this.timer !== null) return;
    const wait = Math.max(0, PAINT_MS - (performance.now() - this.lastPaint));
    this.timer = setTimeout(() => {
      this.timer = null;
      if (this.pending !== null) this.show(this.pending);
      if (this.paused) this.held = this.store.waiting;
      else this.paint();
    }, wait);
  }

  private paint(): void {
    this.lastPaint = performance.now();
    this.held = 0;
    if (this.heard.fresh) {
      this.heard.fresh = false;
      this.beaten += 1;
    }
    if (this.store.waiting === 0) return;
    const { changed, removed, events } = this.store.paint();
    this.touched = { painted: this.painted + 1, ids: removed.size === 0 ? changed : new Set([...changed, ...removed]) };
    if (events.length > 0) {
      this.events = [...[...events].reverse(), ...this.events].slice(0, KEPT_EVENTS);
      for (const follower of this.followers) follower(events);
    }
    this.painted += 1;
  }

  private again: { readonly position: number; readonly timer: ReturnType<typeof setTimeout> } | null = null;

  /** Read the rows now, where they could not be read. */
  readNow(): void {
    if (this.again !== null) void this.readAll(this.again.position, false);
  }

  private async readAll(position: number, anew: boolean): Promise<void> {
    const reading = ++this.reading;
    if (this.again !== null) clearTimeout(this.again.timer);
    this.again = null;
    if (anew) {
      this.store.clear();
      this.complete = false;
    }
    try {
      await api.all<Row>("/contracts?view=row&limit=500", (rows) => {
        this.store.read(rows, position);
        this.schedule();
      }, { minPosition: position });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (reading !== this.reading || !session.me) return;
      this.unread = error;
      this.again = { position, timer: setTimeout(() => void this.readAll(position, false), READ_AGAIN_MS) };
      return;
    }
    if (reading === this.reading) {
      this.unread = null;
      this.complete = true;
      this.painted += 1;
    }
  }
}

/** A socket of the monitor; it says nothing before it has a filter. */
export function openSocket(): Socket {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  return new WebSocket(`${scheme}//${location.host}/api/v1/contracts/monitor`) as unknown as Socket;
}

export const live = new Live();
