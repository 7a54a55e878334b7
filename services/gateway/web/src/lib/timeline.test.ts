import { expect, test } from "vitest";
import { gist, type LogEvent, versionAfter } from "./timeline";

const event = (name: string, data: Record<string, unknown> = {}, category = "contract"): LogEvent => ({ type: `makima.${category}.${name}.v1`, time: "2026-11-28T10:00:00Z", position: 1, streamversion: 7, data });
const TASKS = new Map([["t1", "look around"]]);
const said = (...of: Parameters<typeof event>): string => gist(event(...of), TASKS);

test("an event of the contract says what it is about", () => {
  expect(said("ContractCreated", { contract_type: "simple", phases: [{ name: "plan" }, { name: "execute" }], phase_guard: true })).toBe("simple, 2 phases, phase guard on");
  expect(said("TaskClaimed", { task_id: "t1", role: "builder" })).toBe("look around by builder");
  expect(said("TaskReleased", { task_id: "t1", reason: "agent_silent" })).toBe("look around: agent silent");
  expect(said("ContractPaused", { reason: "lunch" })).toBe("lunch");
  expect(said("PhaseChanged", { from_phase: "plan", to_phase: "execute", confirmed: true })).toBe("plan → execute, confirmed");
});

test("an event around it says who, and what became of it", () => {
  expect(said("AgentJoined", { role: "builder", daemon_id: "ada", connection_id: "0123456789" }, "agent")).toBe("builder joined, on ada, connection 01234567");
  expect(said("AgentStatusChanged", { role: "builder", old_status: "working", new_status: "dead", trigger: "heartbeat_expired" }, "agent")).toBe("builder: WORKING → DEAD, heartbeat expired");
  expect(said("SupervisorStateChanged", { old_state: "working", new_state: "working", daemon_id: "ada" }, "supervisor")).toBe("another connection, on ada");
  expect(said("StaleDetected", { stale_seconds: 1900 }, "silence")).toBe("silent for 31 min");
  expect(said("RestorationProved", { daemon_id: "ada" }, "supervisor")).toBe("on ada");
  expect(said("SilenceDetected", { sender_kind: "agent", sender_id: "c1:builder" }, "silence")).toBe("agent c1:builder");
});

test("only an event of the contract itself makes a version of it", () => expect([versionAfter(event("ContractStarted")), versionAfter(event("AgentLeft", {}, "agent"))]).toEqual([7, null]));
