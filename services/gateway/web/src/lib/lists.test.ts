import { expect, test } from "vitest";
import { fits, listed, Listing, type Sort, SORTS, summary, waitsFor } from "./lists";
import { sampleRow } from "./samples";
import type { ContractStatus, Row } from "./shapes";
import { CONTRACT_ORDER } from "./words";

const made = sampleRow;
const names = (rows: Row[]): string => rows.map((row) => row.id).join(" ");

test("who needs a hand comes first, the longest waiting before the others", () => {
  const rows = [
    made("done", { status: "completed" }), made("works", {}), made("stale", { stale: true }), made("blocked", { status: "blocked" }),
    made("asks-late", { status: "waiting_for_input", progress_at: "2026-11-28T10:00" }), made("asks-early", { status: "waiting_for_input", progress_at: "2026-11-28T09:00" }),
  ];
  expect(names(listed(rows, {}, "needs"))).toBe("asks-early asks-late blocked stale works done");
});

test("the newest comes first where that is asked for", () => {
  expect(names(listed([made("a", { created_at: "2026-11-28T10:00" }), made("b", { created_at: "2026-11-28T11:00" })], {}, "created_at"))).toBe("b a");
});

test("a filter is the API's", () => {
  const rows = [made("a", { status: "failed" }), made("b", { phase: "review" }), made("c", { name: "Fix the LOGIN page" }), made("d", { stale: true })];
  expect(names(listed(rows, { status: "failed,blocked" }, "name"))).toBe("a");
  expect(names(listed(rows, { phase: "review" }, "name"))).toBe("b");
  expect(names(listed(rows, { q: "login fix" }, "name"))).toBe("c");
  expect(names(listed(rows, { stale: "true" }, "name"))).toBe("d");
});

test("a summary counts each status, and has the stale ones, the longest silent first", () => {
  const found = summary([made("a", {}), made("b", { stale: true, progress_at: "2026-11-28T10:00" }), made("c", { status: "paused" }), made("d", { stale: true, progress_at: "2026-11-28T09:00" })]);
  expect([...found.statuses]).toEqual([["active", 3], ["paused", 1]]);
  expect(names([...found.stale])).toBe("d b");
});

test("what it waits for is said in words", () => {
  expect(waitsFor(made("a", { status: "waiting_for_input", waiting_for: "phase_confirmation" }))).toBe("you, to confirm the next phase");
  expect(waitsFor(made("a", { tasks: { total: 5, pending: 2, claimed: 0, running: 0, completed: 2, failed: 1 } }))).toBe("2 of 5 tasks");
  expect(waitsFor(made("a", { status: "completed" }))).toBe("");
});

test("a list that is mended paint by paint is the one that is made anew, whatever changes, goes, or was missed", () => {
  let seed = 7;
  const random = (below: number): number => (seed = (seed * 48271) % 2147483647) % below;
  const views = [{}, { status: "active" }, { stale: "true" }, { status: "failed,blocked" }];
  const store = new Map<string, Row>();
  const listing = new Listing(views);
  const source = { get: (id: string) => store.get(id), rows: () => store.values() };
  let [filter, sort, painted]: [Record<string, string>, Sort, number] = [{}, "needs", 0];
  for (let paint = 0; paint < 400; paint++) {
    const ids = new Set<string>();
    for (let k = random(12); k >= 0; k--) {
      const id = `c${random(60)}`;
      ids.add(id);
      if (random(9) === 0) store.delete(id);
      else store.set(id, made(id, { name: `n${random(40)}`, status: CONTRACT_ORDER[random(CONTRACT_ORDER.length)] as ContractStatus, stale: random(4) === 0, progress_at: `2026-11-28T10:${10 + random(40)}` }));
    }
    const missed = random(10) === 0; // another reader saw a paint that this list did not
    painted += missed ? 2 : 1;
    if (random(12) === 0) [filter, sort] = [views[random(views.length)]! as Record<string, string>, SORTS[random(SORTS.length)]![0]];
    const found = listing.at(painted, source, { painted, ids }, filter, sort);
    expect(names([...found.rows])).toBe(names(listed(store.values(), filter, sort)));
    expect(found.counts).toEqual(views.map((view) => [...store.values()].filter(fits(view)).length));
  }
});
