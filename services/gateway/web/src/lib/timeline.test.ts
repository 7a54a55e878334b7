import { expect, test } from "vitest";
import { gist, lanesOf, type LogEvent } from "./timeline";

let position = 0;
const event = (name: string, data: Record<string, unknown> = {}): LogEvent => ({ type: `makima.contract.${name}.v1`, time: new Date(1000 * ++position).toISOString(), position, data });
const EVENTS = [
  event("ContractCreated", { contract_type: "simple", phases: [{ name: "plan" }, { name: "execute" }], phase_guard: true }),
  event("ContractStarted"),
  event("TaskCreated", { task_id: "sup", name: "supervise", is_supervisor: true }),
  event("TaskCreated", { task_id: "t1", name: "look around", is_supervisor: false }),
  event("TaskStarted", { task_id: "sup" }),
  event("TaskClaimed", { task_id: "t1", role: "builder", connection_id: "c1" }),
  event("TaskStarted", { task_id: "t1", connection_id: "c1" }),
  event("TaskReleased", { task_id: "t1", reason: "agent_silent", connection_id: "c1" }),
  event("TaskClaimed", { task_id: "t1", role: "builder", connection_id: "c2" }),
  event("TaskStarted", { task_id: "t1", connection_id: "c2" }),
  event("ContractPaused", { reason: "lunch" }),
  event("ContractResumed", { to: "active" }),
  event("PhaseChanged", { from_phase: "plan", to_phase: "execute", confirmed: true }),
];

test("a status holds until the next, and the last one until now", () => {
  expect(lanesOf(EVENTS).status.map((bar) => [bar.kind, bar.from, bar.to])).toEqual([["created", 0, 1], ["active", 1, 10], ["paused", 10, 11], ["active", 11, null]]);
});

test("phases have their names", () => {
  expect(lanesOf(EVENTS).phase.map((bar) => [bar.text, bar.from, bar.to])).toEqual([["plan", 0, 12], ["execute", 12, null]]);
});

test("a task that was released is drawn as such, and again when it runs; the supervisor's own is not drawn", () => {
  expect(lanesOf(EVENTS).tasks.map((bar) => [bar.text, bar.kind, bar.from, bar.to])).toEqual([["look around", "released", 6, 7], ["look around", "running", 9, null]]);
});

test("a builder that was replaced leaves a gap", () => {
  expect(lanesOf(EVENTS).agents.map((bar) => [bar.text, bar.kind, bar.from, bar.to])).toEqual([["c1", "connected", 5, 7], ["dead", "away", 7, 8], ["c2", "connected", 8, null]]);
});

test("what somebody had to act on is hot", () => expect([...lanesOf(EVENTS).hot]).toEqual([7, 10]));

test("an event says what it is about", () => {
  expect(EVENTS.map((each) => gist(each, EVENTS))).toEqual([
    "simple, 2 phases, phase guard on", "", "supervise", "look around", "supervise", "look around by builder", "look around", "look around: agent silent", "look around by builder", "look around", "lunch", "to active", "plan → execute, confirmed",
  ]);
});

test("no event, no lane", () => expect(lanesOf([])).toMatchObject({ status: [], phase: [], tasks: [], agents: [] }));
