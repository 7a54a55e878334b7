import { expect, test } from "vitest";
import { digestOf, markOf } from "./away";
import type { MonitorEvent } from "./shapes";

const event = (type: MonitorEvent["type"], contract_id: string, more: object = {}): MonitorEvent => ({ type, position: 1, timestamp: "2026-11-28T10:00:00Z", contract_id, ...more });

test("what ended, advanced and died is counted, each contract and agent once", () => {
  expect(digestOf([
    event("StatusChanged", "a", { new_status: "completed" }), event("StatusChanged", "a", { new_status: "active" }), event("StatusChanged", "a", { new_status: "completed" }),
    event("StatusChanged", "b", { new_status: "failed" }), event("PhaseChanged", "a"), event("PhaseChanged", "b"),
    event("AgentStatusChanged", "a", { role: "builder", new_status: "dead" }), event("AgentStatusChanged", "a", { role: "builder", new_status: "restarting" }), event("AgentStatusChanged", "a", { role: "builder", new_status: "ready" }),
    event("SupervisorStateChanged", "c", { new_state: "interrupted" }), event("TaskCompleted", "a"),
  ])).toEqual(["1 completed", "1 failed", "2 phases advanced", "1 agent died", "1 agent died and came back"]);
  expect(digestOf([])).toEqual([]);
});

test("nobody who died in a contract that has ended is missed, and who was cleaned up is not back", () => {
  const [died, cleaned] = [{ role: "x", new_status: "dead" }, { role: "x", new_status: "offline", trigger: "cleanup" }];
  expect(digestOf([event("AgentStatusChanged", "a", died), event("StatusChanged", "a", { new_status: "archived" }), event("SupervisorStateChanged", "a", { new_state: "interrupted" }), event("AgentStatusChanged", "a", cleaned)])).toEqual([]);
  expect(digestOf([event("AgentStatusChanged", "b", died), event("AgentStatusChanged", "b", cleaned)])).toEqual(["1 agent died"]);
});

test("a restart is no return", () => {
  expect(digestOf([event("AgentStatusChanged", "a", { role: "x", new_status: "dead" }), event("AgentStatusChanged", "a", { role: "x", new_status: "restarting" })])).toEqual(["1 agent died"]);
});

test.each([null, "", "{", "[]", "7", '{"position": "7"}', '{"position": 7, "epoch": "e"}'])("%s is no mark", (text) => expect(markOf(text)).toBeNull());
test("a mark is read as it was kept", () => expect(markOf('{"position": 7, "epoch": "e", "at": 9}')).toEqual({ position: 7, epoch: "e", at: 9 }));
