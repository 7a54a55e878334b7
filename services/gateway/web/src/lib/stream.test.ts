import { beforeEach, expect, test } from "vitest";
import type { Message } from "./shapes";
import { type Condition, type Socket, Stream, type Timers } from "./stream";

class Wire implements Socket {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  readonly sent: Record<string, unknown>[] = [];
  closed = false;
  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }
  close(): void {
    this.closed = true;
  }
  say(message: object): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
}

class Hands implements Timers {
  at = 0;
  private waiting: { at: number; then: () => void }[] = [];
  now(): number {
    return this.at;
  }
  after(ms: number, then: () => void): () => void {
    const one = { at: this.at + ms, then };
    this.waiting.push(one);
    return () => (this.waiting = this.waiting.filter((each) => each !== one));
  }
  pass(ms: number): void {
    const until = this.at + ms;
    for (;;) {
      const next = this.waiting.filter((each) => each.at <= until).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.at = next.at;
      this.waiting = this.waiting.filter((each) => each !== next);
      next.then();
    }
    this.at = until;
  }
}

let wires: Wire[];
let hands: Hands;
let heard: Message[];
let anew: (readonly [number, ...string[]])[];
let states: Condition[];
let over: number;
let stream: Stream;
const wire = () => wires.at(-1)!;
const tick = (position: number, lag = 0) => ({ type: "Tick", position, head: position, timestamp: "t", lag_ms: lag, watermark_age_ms: 1, verdicts_held: 0 });

beforeEach(() => {
  [wires, hands, heard, anew, states, over] = [[], new Hands(), [], [], [], 0];
  const listener = {
    message: (message: Message) => heard.push(message),
    condition: (condition: Condition) => states.push(condition),
    readAnew: (position: number, ...why: string[]) => anew.push([position, ...why]),
    signedOut: () => (over += 1),
  };
  stream = new Stream(listener, () => (wires.push(new Wire()), wire()), hands);
  stream.start();
});

test("it reads once at the position of hello, and asks for rows from there on", () => {
  wire().say({ type: "hello", epoch: "e", position: 40 });
  expect(anew).toEqual([[40, "first"]]);
  expect(wire().sent).toEqual([{ rows: true, together: true, since: 40, epoch: "e" }]);
  expect(stream.condition.freshness).toBe("live");
});

test("after a lost connection it resumes at the last position, and reads nothing anew", () => {
  wire().say({ type: "hello", epoch: "e", position: 40 });
  wire().say({ type: "StaleCleared", position: 44, timestamp: "t", contract_id: "a" });
  wire().onclose?.({ code: 1006 });
  expect(stream.condition).toMatchObject({ freshness: "off", attempt: 1, nextAt: 250 });
  hands.pass(250);
  wire().say({ type: "hello", epoch: "e", position: 60 });
  expect(wire().sent).toEqual([{ rows: true, together: true, since: 44, epoch: "e" }]);
  expect(anew).toHaveLength(1);
  expect(stream.condition).toMatchObject({ freshness: "live", attempt: 0, position: 44 });
});

test("a half-open socket is noticed within 3 s", () => {
  wire().say({ type: "hello", epoch: "e", position: 40 });
  hands.pass(2900);
  wire().say(tick(40));
  hands.pass(2900);
  expect(stream.condition.freshness).toBe("live");
  hands.pass(200);
  expect(stream.condition.freshness).toBe("off");
  expect(wires[0]!.closed).toBe(true);
});

test("attempts become rarer, up to every 5 s, and one can be made now", () => {
  for (const wait of [250, 500, 1000, 2000, 4000, 5000, 5000]) {
    wire().onclose?.({ code: 1006 });
    expect(stream.condition.nextAt! - hands.now()).toBe(wait);
    hands.pass(wait);
  }
  const before = wires.length;
  wire().onclose?.({ code: 1006 });
  stream.retryNow();
  expect(wires.length).toBe(before + 1);
});

test("behind is what the server says, not what a timer believes", () => {
  wire().say({ type: "hello", epoch: "e", position: 40 });
  wire().say(tick(41, 4200));
  expect(stream.condition.freshness).toBe("behind");
  wire().say(tick(90, 20));
  expect(stream.condition).toMatchObject({ freshness: "live", position: 90 });
});

test("another log: everything is read anew", () => {
  wire().say({ type: "hello", epoch: "e", position: 40 });
  wire().say({ type: "reset", reason: "another epoch", epoch: "f", position: 3 });
  expect(anew.at(-1)).toEqual([3, "reset", "another epoch"]);
  expect(stream.condition).toMatchObject({ epoch: "f", position: 3 });
});

test("a revoked session ends it, without another attempt", () => {
  wire().say({ type: "hello", epoch: "e", position: 40 });
  wire().onclose?.({ code: 1008 });
  hands.pass(60_000);
  expect(over).toBe(1);
  expect(wires).toHaveLength(1);
});

test("what is wanted is sent again after a reconnect", () => {
  wire().say({ type: "hello", epoch: "e", position: 1 });
  stream.want({ heartbeats_of: ["a"] });
  expect(wire().sent.at(-1)).toEqual({ rows: true, together: true, heartbeats_of: ["a"] });
  wire().onclose?.({ code: 1006 });
  hands.pass(300);
  wire().say({ type: "hello", epoch: "e", position: 1 });
  expect(wire().sent).toEqual([{ rows: true, together: true, heartbeats_of: ["a"], since: 1, epoch: "e" }]);
});

test("several messages in one frame are taken one after the other", () => {
  wire().say({ type: "hello", epoch: "e", position: 40 });
  const said = [41, 42].map((position) => ({ type: "StaleCleared", position, timestamp: "t", contract_id: "a" }));
  wire().say(said);
  expect(heard).toEqual(said);
  expect(stream.condition.position).toBe(42);
});
