import { expect, test } from "vitest";
import { branches, dated, lookOf, stateWord, who } from "./gate";
import type { Condition } from "./shapes";

const one = (kind: Condition["kind"], state: Condition["state"], more: Partial<Condition> = {}): Condition => ({ kind, id: kind, name: kind, state, since: null, who: null, ...more });

test("conditions of a kind stand together, and one that is missing makes them missing", () => {
  const found = branches([one("guard", "unknown"), one("task", "met"), one("tasks", "missing", { name: "1 of 2 tasks" }), one("task", "missing"), one("deliverable", "met"), one("deliverable", "met")]);
  expect(found.map((branch) => [branch.name, branch.note, branch.state])).toEqual([["Deliverables", "2 of 2", "met"], ["Tasks", "1 of 2 tasks", "missing"], ["guard", "", "unknown"]]);
});

test("it says whose turn it is", () => {
  expect(who(one("guard", "missing", { who: { kind: "person" } }))).toBe("you");
  expect(who(one("guard", "unknown", { who: { kind: "person" } }))).toBe("you, once the rest is met");
  expect(who(one("task", "missing", { who: { kind: "agent", role: "builder" } }))).toBe("builder");
  expect(who(one("task", "missing", { who: { kind: "agent" } }))).toBe("an agent, none has claimed it");
  expect(who(one("task", "met", { who: { kind: "person" } }))).toBe("");
  expect(who(one("guard", "not_required", { who: { kind: "person" } }))).toBe("");
});

test("what is missing has been so since its phase began, unless it is known better", () => {
  const known = "2026-11-28T10:00:00Z";
  const all = [one("deliverable", "missing"), one("task", "missing", { since: known }), one("deliverable", "met"), one("guard", "missing"), one("task", "not_required")];
  expect(dated(all, "2026-11-28T09:00:00Z").map((each) => each.since)).toEqual(["2026-11-28T09:00:00Z", known, null, null, null]);
  expect(dated(all, undefined)).toBe(all);
});

test("no condition, no branch", () => expect(branches([])).toEqual([]));

test("a guard waits, a switch is off", () => {
  expect([one("guard", "missing"), one("guard", "unknown"), one("switch", "missing"), one("task", "unknown")].map(stateWord)).toEqual(["waits", "not asked", "off", "not known"]);
});

test.each([
  ["missing", "pending", "pending", "miss"], ["missing", "claimed", "claimed", "miss"], ["missing", "running", "running", "run"], ["missing", "failed", "failed", "miss"],
  ["missing", null, "missing", "miss"], ["met", "completed", "met", "met"], ["not_required", "running", "not required", "off"],
] as const)("a task that is %s and %s reads %s", (state, task_status, word, row) => {
  const task = one("task", state, { task_status });
  expect([stateWord(task), lookOf(state, task).row]).toEqual([word, row]);
});
