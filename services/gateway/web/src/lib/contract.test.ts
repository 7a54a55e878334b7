import { expect, test } from "vitest";
import { beside, fold, freshened, movesOf, needsOf, versionOf, type Whole, whyHeading } from "./contract";
import type { LogEvent } from "./timeline";

let position = 0;
const event = (name: string, data: Record<string, unknown> = {}): LogEvent => ({ type: `makima.contract.${name}.v1`, time: new Date(1000 * ++position).toISOString(), position, streamversion: position, data });
const EVENTS = [
  event("ContractCreated", { phases: [{ name: "plan", gate: { required_deliverables: null, required_tasks: { min_complete: 1 }, validator: "lint", auto_advance: true } }, { name: "execute" }] }),
  event("ContractStarted"),
  event("TaskCreated", { task_id: "sup", name: "supervise", phase: "plan", is_supervisor: true }),
  event("TaskCreated", { task_id: "t1", name: "look", phase: "plan", role: "builder", is_supervisor: false }),
  event("TaskClaimed", { task_id: "t1", connection_id: "c1" }),
  event("TaskStarted", { task_id: "t1", connection_id: "c1" }),
  event("QuestionAsked", { question_id: "q1", question: "Which?", question_type: "choice", options: ["a", "b"] }),
  event("QuestionAnswered", { question_id: "q1", answer: "a" }),
  event("TaskCompleted", { task_id: "t1", result: "exit code 0" }),
  event("DeliverableCompleted", { phase: "plan", deliverable_id: "doc", evidence: "commit 1" }),
  event("PhaseChanged", { from_phase: "plan", to_phase: "execute" }),
];
const WHOLE: Whole = {
  id: "c", name: "n", description: null, contract_type: "simple", owner_id: "local", status: "active", phase: "plan", phases: ["plan", "execute"], version: 11, phase_guard: true, auto_complete_enabled: true,
  deliverables: [{ phase: "plan", id: "doc", name: "Doc", completed: false, completed_at: null }], waiting_for: null, blocked_reason: null, failure_reason: null, stale: false, created_at: "", status_changed_at: "2026-01-01T00:00:00Z", progress_at: null, supervisor: null,
};

test("tasks and questions are as they were at each version; the supervisor's own task is not one", () => {
  expect(fold(EVENTS.slice(0, 6)).tasks.map((task) => [task.name, task.status, task.connection_id])).toEqual([["look", "running", "c1"]]);
  expect(fold(EVENTS.slice(0, 7)).questions.map((one) => [one.status, one.options])).toEqual([["open", ["a", "b"]]]);
  const now = fold(EVENTS);
  expect(now.questions.map((one) => [one.status, one.answer])).toEqual([["answered", "a"]]);
  expect([now.tasks[0]?.status, now.evidence.get("plan doc"), now.left.get("plan"), now.entered.get("execute")]).toEqual(["completed", "commit 1", EVENTS[10]!.time, EVENTS[10]!.time]);
});

test("an address means a version, or the last one at a time; the last one is now", () => {
  const of = (query: string): number | null => versionOf(new URLSearchParams(query), EVENTS);
  expect([of(""), of("v=3"), of("v=11"), of("v=99"), of("v=0"), of("v=x")]).toEqual([null, 3, null, null, 1, null]);
  expect([of(`at=${EVENTS[4]!.time}`), of("at=1960-01-01T00:00:00Z"), of("at=2960-01-01T00:00:00Z"), of("at=lunch")]).toEqual([5, 1, null, null]);
});

test("what waits for a person can be answered in place, and nothing of an ended contract waits", () => {
  const questions = fold(EVENTS.slice(0, 7)).questions;
  expect(needsOf(WHOLE, questions, null).map((item) => [item.kind, item.act.path])).toEqual([["question", "/contracts/c/questions/q1/answer"]]);
  expect(needsOf({ ...WHOLE, status: "waiting_for_input", waiting_for: "phase_confirmation" }, [], null).map((item) => item.act.body)).toEqual([{ phase: "execute", confirmed: true }]);
  expect(needsOf({ ...WHOLE, status: "blocked" }, [], null).map((item) => item.kind)).toEqual(["blocked"]);
  expect(needsOf({ ...WHOLE, status: "failed" }, questions, null)).toEqual([]);
});

test("a move is offered where the status has it and the token may", () => {
  const names = (status: Whole["status"], may = (_: string) => true) => movesOf(status, may).map((move) => move.name);
  expect(names("active")).toEqual(["pause", "fail"]);
  expect(names("paused")).toEqual(["resume", "fail"]);
  expect(names("archived")).toEqual([]);
  expect(names("blocked", (operation) => operation.endsWith("/unblock"))).toEqual(["unblock"]);
});

test("the heading says what is asked", () => {
  expect([whyHeading(WHOLE), whyHeading({ ...WHOLE, phase: "execute" }), whyHeading({ ...WHOLE, status: "created" })]).toEqual(["Why it does not go on to execute", "Why it does not go on to the end", "Why it has not started"]);
});

test("what the tree shows is not said twice", () => expect(beside([{ code: "GATE_OPEN" }, { code: "STALE" }])).toEqual([{ code: "STALE" }]));

test("a newer row tells the state before the contract is read anew; an older one does not", () => {
  const row = { id: "c", name: "n", status: "paused", phase: "execute", phase_index: 1, phase_count: 2, version: 12, waiting_for: null, reason: null, stale: false, tasks: { total: 0, completed: 0, failed: 0 }, progress_at: "2026-02-02T00:00:00Z", supervisor: null } as const;
  expect(freshened(WHOLE, row)).toMatchObject({ status: "paused", phase: "execute", version: 12, status_changed_at: "2026-02-02T00:00:00Z", deliverables: WHOLE.deliverables });
  expect(freshened(WHOLE, { ...row, version: 11 })).toBe(WHOLE);
});
