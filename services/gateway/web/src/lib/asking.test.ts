import { expect, test } from "vitest";
import { announcement, asked, buttons, changesContract, operationOf, sinceName, standStill, typed } from "./asking";
import type { NeedItem } from "./shapes";

const contract = { id: "c1", name: "Fix", phase: "plan", phases: ["plan", "execute"], version: 4 };
const item = (more: Partial<NeedItem>): NeedItem => ({ kind: "question", since: "t", contract, act: { method: "POST", path: "/api/v1/contracts/c1/questions/q1/answer", body: {} }, ...more });

test("each option is a button with its key, and its answer", () => {
  const choice = item({ question: { id: "q1", question: "Which colour?", question_type: "choice", options: ["blue", "green"] } });
  expect(asked(choice)).toBe("Which colour?");
  expect(buttons(choice).map((one) => [one.key, one.text, one.body])).toEqual([["1", "blue", { answer: "blue" }], ["2", "green", { answer: "green" }]]);
});

test("a text is typed; a confirmation is yes or no", () => {
  expect(typed(item({ question: { id: "q1", question: "Why?", question_type: "text", options: [] } }))).toBe(true);
  const confirm = item({ question: { id: "q1", question: "Delete it?", question_type: "confirm", options: [] } });
  expect(buttons(confirm).map((one) => one.text)).toEqual(["yes", "no"]);
});

test("confirming a phase sends what the server said", () => {
  const phase = item({ kind: "phase_confirmation", next_phase: "execute", act: { method: "POST", path: "/api/v1/contracts/c1/phase", body: { phase: "execute", confirmed: true } } });
  expect(asked(phase)).toBe("Phase plan is ready. Go on to execute?");
  expect(buttons(phase)[0]).toMatchObject({ key: "Enter", primary: true, body: { phase: "execute", confirmed: true } });
});

test("nobody is revived in a paused contract: that is resumed first, at the version that was seen", () => {
  const dead = (path: string): NeedItem => item({ kind: "unrecoverable", act: { method: "POST", path: `/api/v1/contracts/c1/${path}`, body: {} } });
  const [running, paused] = [dead("agents/builder/restart"), dead("resume")];
  expect(buttons(running).map((one) => one.text)).toEqual(["Restart"]);
  expect(buttons(paused).map((one) => one.text)).toEqual(["Resume"]);
  expect(asked(paused)).toBe("Its restarts are used up. The daemon gave up. The contract is paused: resume it first.");
  expect(asked(running)).toBe("Its restarts are used up. The daemon gave up.");
  expect([running, paused].map(changesContract)).toEqual([false, true]);
  expect(operationOf(paused)).toBe("POST /contracts/{contract_id}/resume");
});

test("the operation is named as the policy names it", () => {
  expect(operationOf(item({}))).toBe("POST /contracts/{contract_id}/questions/{question_id}/answer");
  expect(operationOf(item({ act: { method: "POST", path: "/contracts/c1/agents/builder/restart", body: {} } }))).toBe("POST /contracts/{contract_id}/agents/{role}/restart");
});

test("an agent that stands still because of two things is one", () => {
  const other = { ...contract, id: "c2" };
  const items = [item({ holds_up: { agents: 3, tasks: 1 } }), item({ holds_up: { agents: 2, tasks: 1 } }), item({ contract: other, holds_up: { agents: 1, tasks: 0 } }), item({ contract: { ...contract, id: "c3" } })];
  expect(standStill(items)).toBe(4);
  expect(standStill([])).toBe(0);
});

test("what has come to wait is announced once, with what it asks", () => {
  const question = item({ question: { id: "q1", question: "Which colour?", question_type: "text", options: [] } });
  const blocked = item({ kind: "blocked", reason: "staging is in use", since: "t2" });
  const known = new Set([sinceName(question)]);
  expect(announcement(new Set(), 0, { items: [question], total: 1 })).toBe("Question, Fix: Which colour?");
  expect(announcement(known, 1, { items: [question], total: 1 })).toBe("");
  expect(announcement(known, 1, { items: [question, blocked], total: 2 })).toBe("Blocked, Fix: staging is in use. 2 things wait for you.");
  expect(announcement(new Set(), 0, { items: [question, blocked], total: 2 })).toBe("2 new things wait for you.");
  expect(announcement(known, 2, { items: [question], total: 1 })).toBe(""); // one was answered
  expect(announcement(known, 60, { items: [question], total: 61 })).toBe("1 new thing waits for you."); // behind what was read
  expect(announcement(known, 1, { items: [{ ...question, since: "t9" }], total: 1 })).toBe("Question, Fix: Which colour?"); // it waits again
});
