import { expect, test } from "vitest";
import { beside, freshened, marksOf, movesOf, needsOf, upTo, versionOf, type Question, type Whole, whyHeading } from "./contract";
import { sampleRow } from "./samples";
import type { LogEvent } from "./timeline";

let position = 0;
const event = (name: string, data: Record<string, unknown> = {}): LogEvent => ({ type: `makima.contract.${name}.v1`, time: new Date(1000 * ++position).toISOString(), position, streamversion: position, data });
const EVENTS = [
  event("ContractCreated", { phases: [{ name: "plan" }, { name: "execute" }] }),
  event("ContractStarted"),
  event("DeliverableCompleted", { phase: "plan", deliverable_id: "doc", evidence: "commit 1" }),
  event("PhaseChanged", { from_phase: "plan", to_phase: "execute" }),
  event("ContractPaused"),
];
const JOINED: LogEvent = { ...EVENTS[1]!, type: "makima.agent.AgentJoined.v1", position: 2.5, streamversion: 9 };
const AROUND = [...EVENTS.slice(0, 2), JOINED, ...EVENTS.slice(2)];
const WHOLE: Whole = {
  id: "c", name: "n", description: "", legacy_status: "active", last_activity_at: "", completion_detected_at: null, next_gate: [], tasks: { total: 0, pending: 0, claimed: 0, running: 0, completed: 0, failed: 0 }, contract_type: "simple", owner_id: "local", status: "active", phase: "plan", phases: ["plan", "execute"], version: 11, phase_guard: true, auto_complete_enabled: true,
  deliverables: [{ phase: "plan", id: "doc", name: "Doc", completed: false, completed_at: null }], waiting_for: null, blocked_reason: null, failure_reason: null, stale: false, created_at: "", updated_at: "", status_changed_at: "2026-01-01T00:00:00Z", progress_at: "", supervisor: null,
};

test("the log tells when phases began and ended, and what proves a deliverable", () => {
  const found = marksOf(EVENTS);
  expect([found.evidence.get("plan doc"), found.entered.get("plan"), found.left.get("plan"), found.entered.get("execute")]).toEqual(["commit 1", EVENTS[0]!.time, EVENTS[3]!.time, EVENTS[3]!.time]);
});

test("a moment ends with the event that made its version, whatever other streams have told since", () => {
  expect(upTo(2, AROUND)).toEqual(EVENTS.slice(0, 2));
  expect(upTo(3, AROUND)).toEqual(AROUND.slice(0, 4));
});

test("an address means a version, or the last one at a time; the last one is now", () => {
  const of = (query: string): number | null => versionOf(new URLSearchParams(query), AROUND, 5);
  expect([of(""), of("v=3"), of("v=5"), of("v=99"), of("v=0"), of("v=x")]).toEqual([null, 3, null, null, 1, null]);
  expect([of(`at=${EVENTS[2]!.time}`), of("at=1960-01-01T00:00:00Z"), of("at=2960-01-01T00:00:00Z"), of("at=lunch")]).toEqual([3, 1, null, null]);
});

test("what waits for a person can be answered in place, and nothing of an ended contract waits", () => {
  const questions: Question[] = [{ id: "q1", contract_id: "c", question: "Which?", question_type: "choice", options: ["a", "b"], status: "open", answer: null, asked_at: "", answered_at: null }];
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
  const row = sampleRow("c", { status: "paused", phase: "execute", version: 12, progress_at: "2026-02-02T00:00:00Z" });
  expect(freshened(WHOLE, row)).toMatchObject({ status: "paused", phase: "execute", version: 12, status_changed_at: "2026-02-02T00:00:00Z", deliverables: WHOLE.deliverables });
  expect(freshened(WHOLE, { ...row, version: 11 })).toBe(WHOLE);
});
