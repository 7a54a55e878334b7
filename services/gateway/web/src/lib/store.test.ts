import { expect, test } from "vitest";
import { sampleRow } from "./samples";
import type { Row } from "./shapes";
import { Store } from "./store";

const row = (id: string, version: number, more: Partial<Row> = {}): Row => sampleRow(id, { version, ...more });
const rows = (position: number, ...of: Row[]) => ({ type: "Rows" as const, position, rows: of });

test("older news of a row is dropped, from the socket as from a GET", () => {
  const store = new Store();
  store.take(rows(10, row("a", 5)));
  store.take(rows(9, row("a", 4)));
  store.read([row("a", 3)], 8);
  expect(store.get("a")!.version).toBe(5);
  store.read([row("a", 6)], 12);
  expect(store.get("a")!.version).toBe(6);
});

test("a heartbeat moves a row without a new version, and an older position does not move it back", () => {
  const store = new Store();
  const heard = (at: string) => ({ supervisor: { alive: true, stuck: false, last_heartbeat_at: at } });
  store.take(rows(10, row("a", 5, heard("10:00"))));
  store.take(rows(12, row("a", 5, heard("10:30"))));
  store.take(rows(11, row("a", 5, heard("10:15"))));
  store.read([row("a", 5, heard("10:05"))], 10);
  expect(store.get("a")!.supervisor!.last_heartbeat_at).toBe("10:30");
});

test("a row is painted once, with its last value", () => {
  const store = new Store();
  for (let version = 1; version <= 100; version++) store.take(rows(version, row("a", version)));
  expect(store.waiting).toBe(1);
  expect([...store.paint().changed]).toEqual(["a"]);
  expect(store.get("a")!.version).toBe(100);
  expect(store.waiting).toBe(0);
});

test("a contract that was removed does not come back with an older answer", () => {
  const store = new Store();
  store.take(rows(10, row("a", 5)));
  store.take({ type: "Rows", position: 20, rows: [], removed: ["a"] });
  store.read([row("a", 5)], 15);
  expect(store.get("a")).toBeUndefined();
  expect([...store.paint().removed]).toEqual(["a"]);
});

test("an event that is replayed after a reconnect is told once", () => {
  const store = new Store();
  const asked = { type: "QuestionAsked" as const, position: 7, timestamp: "t", contract_id: "a", question_id: "q" };
  store.take(asked);
  store.take(asked);
  expect(store.paint().events).toHaveLength(1);
  store.take(asked);
  expect(store.paint().events).toHaveLength(0);
});

test("a flood of events keeps the newest, and the memory flat", () => {
  const store = new Store();
  for (let position = 1; position <= 5000; position++) store.take({ type: "StaleCleared", position, timestamp: "t", contract_id: "a" });
  const { events } = store.paint();
  expect(events).toHaveLength(200);
  expect(events.at(-1)!.position).toBe(5000);
});

test("another log begins with nothing", () => {
  const store = new Store();
  store.take(rows(900, row("a", 50)));
  store.clear();
  expect([...store.paint().removed]).toEqual(["a"]);
  store.take(rows(3, row("a", 1)));
  expect(store.get("a")!.version).toBe(1);
});
