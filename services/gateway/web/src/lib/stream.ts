/**
 * The page's one socket: says how fresh it is, resumes where it ended, and notices a connection that is half open.
 * Time and sockets come from outside, so that its tests need neither.
 */

import type { Message, Tick } from "./shapes";

export const SILENCE_MS = 3000; // the server says something each second
export const BEHIND_MS = 2000;
const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 5000;
const REVOKED = 1008; // close code: the session is over

export type Freshness = "connecting" | "live" | "behind" | "off";

export interface Socket {
  send(text: string): void;
  close(): void;
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
}

export interface Timers {
  now(): number; // milliseconds
  after(ms: number, then: () => void): () => void; // answers what takes it back
}

export interface Condition {
  readonly freshness: Freshness;
  readonly position: number;
  readonly epoch: string;
  readonly tick: Tick | null;
  readonly attempt: number; // since the connection was lost; 0: it stands
  readonly nextAt: number | null; // when the next attempt begins
  readonly lostAt: number | null;
}

export interface Listener {
  message(message: Message): void;
  condition(condition: Condition): void;
  /** What was read may be of another log, or too old: read it again, at this position or later. */
  readAnew(position: number, why: "first" | "reset", reason?: string): void;
  signedOut(): void;
}

const BROWSER: Timers = {
  now: () => Date.now(),
  after: (ms, then) => {
    const timer = setTimeout(then, ms);
    return () => clearTimeout(timer);
  },
};

export class Stream {
  private socket: Socket | null = null;
  private stopSilence: (() => void) | null = null;
  private heardAt = 0;
  private stopRetry: (() => void) | null = null;
  private stopped = false;
  private begun = false; // something was read, so that there is a place to resume at
  private filter: Readonly<Record<string, unknown>> = {};
  private state: Condition = { freshness: "connecting", position: 0, epoch: "", tick: null, attempt: 0, nextAt: null, lostAt: null };

  constructor(
    private readonly listener: Listener,
    private readonly open: () => Socket,
    private readonly timers: Timers = BROWSER,
  ) {}

  get condition(): Condition {
    return this.state;
  }

  start(): void {
    this.stopped = false;
    this.connect();
  }

  stop(): void {
    this.stopped = true;
    this.stopRetry?.();
    this.forget();
    this.drop();
  }

  /** What else to send: `{heartbeats_of: [ids]}`. The last one holds. */
  want(filter: Readonly<Record<string, unknown>>): void {
    this.filter = filter;
    if (this.state.freshness === "live" || this.state.freshness === "behind") this.sendFilter(null);
  }

  /** Do not wait for the next attempt. */
  retryNow(): void {
    if (this.state.freshness !== "off") return;
    this.stopRetry?.();
    this.connect();
  }

  private connect(): void {
    if (this.stopped) return;
    this.drop();
    const socket = this.open();
    this.socket = socket;
    socket.onmessage = (event) => {
      const said = JSON.parse(String(event.data)) as Message | readonly Message[];
      this.heard(Array.isArray(said) ? (said as readonly Message[]) : [said as Message]);
    };
    socket.onclose = (event) => {
      if (this.socket === socket) this.lost(event.code);
    };
    this.expectNews();
  }

  /** What a frame holds; how far it leads is said once. */
  private heard(messages: readonly Message[]): void {
    this.expectNews();
    const reached = messages.reduce((most, message) => Math.max(most, this.received(message)), 0);
    if (reached > this.state.position) this.move({ position: reached });
  }

  /** Answers the position of an event of the log; 0 for what is none. */
  private received(message: Message): number {
    switch (message.type) {
      case "hello":
        this.greeted(message.epoch, message.position);
        break;
      case "reset":
        this.move({ position: message.position, epoch: message.epoch });
        this.listener.readAnew(message.position, "reset", message.reason);
        break;
      case "Tick":
        this.move({ tick: message, position: Math.max(this.state.position, message.position), freshness: message.lag_ms > BEHIND_MS ? "behind" : "live" });
        break;
      case "lagging":
        this.move({ freshness: "behind" });
        break;
      default:
        this.listener.message(message);
        return "position" in message ? message.position : 0;
    }
    return 0;
  }

  private greeted(epoch: string, position: number): void {
    const before = this.state;
    this.move({ freshness: "live", attempt: 0, nextAt: null, lostAt: null, ...(this.begun ? {} : { epoch, position }) });
    if (this.begun) this.sendFilter({ since: before.position, epoch: before.epoch });
    else {
      this.begun = true;
      this.sendFilter({ since: position, epoch });
      this.listener.readAnew(position, "first");
    }
  }

  private sendFilter(resume: { since: number; epoch: string } | null): void {
    this.socket?.send(JSON.stringify({ rows: true, together: true, ...this.filter, ...(resume ?? {}) }));
  }

  private lost(code: number): void {
    this.drop();
    this.forget();
    if (code === REVOKED) {
      this.stop();
      this.listener.signedOut();
      return;
    }
    if (this.stopped) return;
    const attempt = this.state.attempt + 1;
    const wait = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (attempt - 1));
    this.move({ freshness: "off", attempt, nextAt: this.timers.now() + wait, lostAt: this.state.lostAt ?? this.timers.now() });
    this.stopRetry = this.timers.after(wait, () => this.connect());
  }

  /** A connection over which nothing came for `SILENCE_MS` is taken for lost, whatever the browser believes. */
  private expectNews(): void {
    this.heardAt = this.timers.now();
    this.stopSilence ??= this.timers.after(SILENCE_MS, () => this.judge());
  }

  /** One timer for however many messages: it waits on for what is left of the time since the last one. */
  private judge(): void {
    this.stopSilence = null;
    const left = this.heardAt + SILENCE_MS - this.timers.now();
    if (left > 0) this.stopSilence = this.timers.after(left, () => this.judge());
    else this.lost(0);
  }

  private forget(): void {
    this.stopSilence?.();
    this.stopSilence = null;
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = null;
    if (socket === null) return;
    socket.onmessage = socket.onclose = socket.onopen = null;
    socket.close();
  }

  private move(to: Partial<Condition>): void {
    this.state = { ...this.state, ...to };
    this.listener.condition(this.state);
  }
}
