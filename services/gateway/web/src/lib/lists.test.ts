import { expect, test } from "vitest";
import { listed, waitsFor } from "./lists";
import type { Row } from "./shapes";

const made = (id: string, more: Partial<Row>): Row => ({
  id, version: 1, name: id, status: "active", phase: "plan", phase_index: 0, phase_count: 2, waiting_for: null, reason: null, stale: false,
  tasks: { total: 0, completed: 0, failed: 0 }, progress_at: null, supervisor: null, ...more,
});
const names = (rows: Row[]): string => rows.map((row) => row.id).join(" ");

test("who needs a hand comes first, the longest waiting before the others", () => {
  const rows = [
    made("done", { status: "completed" }), made("works", {}), made("stale", { stale: true }), made("blocked", { status: "blocked" }),
    made("asks-late", { status: "waiting_for_input", progress_at: "2026-11-28T10:00" }), made("asks-early", { status: "waiting_for_input", progress_at: "2026-11-28T09:00" }),
  ];
  expect(names(listed(rows, {}, "needs"))).toBe("asks-early asks-late blocked stale works done");
});

test("a filter is the API's", () => {
  const rows = [made("a", { status: "failed" }), made("b", { phase: "review" }), made("c", { name: "Fix the LOGIN page" }), made("d", { stale: true })];
  expect(names(listed(rows, { status: "failed,blocked" }, "name"))).toBe("a");
  expect(names(listed(rows, { phase: "review" }, "name"))).toBe("b");
  expect(names(listed(rows, { q: "login fix" }, "name"))).toBe("c");
  expect(names(listed(rows, { stale: "true" }, "name"))).toBe("d");
});

test("10 000 rows are filtered and sorted well within 200 ms", () => {
  const rows = Array.from({ length: 10_000 }, (_, k) => made(`c${k}`, { progress_at: `2026-11-28T${k % 24}` }));
  const began = performance.now();
  expect(listed(rows, { q: "c" }, "needs")).toHaveLength(10_000);
  expect(performance.now() - began).toBeLessThan(200);
});

test("what it waits for is said in words", () => {
  expect(waitsFor(made("a", { status: "waiting_for_input", waiting_for: "phase_confirmation" }))).toBe("you, to confirm the next phase");
  expect(waitsFor(made("a", { tasks: { total: 5, completed: 2, failed: 1 } }))).toBe("2 of 5 tasks");
  expect(waitsFor(made("a", { status: "completed" }))).toBe("");
});
