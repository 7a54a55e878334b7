import { describe, expect, it } from "vitest";
import { agentOf, type AgentRecord, canRestart, movesAgents, refusalOf, restartOf, stateOf, tally, wantsRestart } from "./agents";
import type { MonitorEvent } from "./shapes";
import { lookOf } from "./words";

const record = (more: Partial<AgentRecord> = {}): AgentRecord => ({ contract_id: "c1", role: "builder", ...more });

describe("the badge of a record", () => {
  it.each([
    ["offline", "OFFLINE"], ["dead", "DEAD"], ["dead_failed_revive", "DEAD (UNRECOVERABLE)"],
    ["ready", "READY"], ["restarting", "RESTARTING"], ["working", "WORKING"],
  ])("%s is written %s", (agent_status, word) => expect(lookOf("agent", stateOf({ agent_status })).word).toBe(word));

  it.each([
    [{ status: "active" }, "WORKING"],
    [{ status: "waiting" }, "READY"],
    [{ status: "active", is_expired: false }, "WORKING"],
    [{ status: "active", is_expired: true }, "DEAD"],
    [{ status: "waiting", is_expired: true }, "DEAD"],
    [{ is_expired: true }, "DEAD"],
    [{ status: null, agent_status: null }, "OFFLINE"],
    [{}, "OFFLINE"],
    [{ status: "somewhere" }, "OFFLINE"],
    [{ agent_status: "of a later gateway", status: "active" }, "WORKING"],
    [{ agent_status: "toString", status: "waiting" }, "READY"],
    [{ agent_status: "dead_failed_revive", status: "waiting", is_expired: true }, "DEAD (UNRECOVERABLE)"],
    [{ agent_status: "offline", status: "waiting" }, "OFFLINE"],
  ])("%j, of whichever gateway, is %s", (of, word) => expect(lookOf("agent", stateOf(of)).word).toBe(word));
});

describe("counts", () => {
  const items = [record({ agent_status: "dead" }), record({ status: "active", stuck: true }), record({ status: "waiting" })];
  it("are the gateway's", () => expect(tally({ items, next_cursor: null, counts: { dead: 7, working: 2 }, stuck: 1 })).toMatchObject({ all: 9, of: { dead: 7, ready: 0 }, stuck: 1 }));
  it("are of what was read where the gateway has none", () => expect(tally({ items, next_cursor: null })).toMatchObject({ all: 3, of: { dead: 1, working: 1, ready: 1, offline: 0 }, stuck: 1 }));
});

describe("a restart", () => {
  it.each([
    ["dead", "d1", true], ["dead_failed_revive", "d1", true], ["working", "d1", true], ["offline", "d1", true], ["restarting", "d1", false], ["dead", null, false],
  ])("of one that is %s on %s can be asked for: %s", (agent_status, daemon_id, can) => expect(canRestart(agentOf(record({ agent_status, daemon_id })))).toBe(can));
  it.each([["dead", false, true], ["dead_failed_revive", false, true], ["working", true, true], ["working", false, false], ["offline", false, false]])(
    "helps one that is %s, stuck %s: %s", (agent_status, stuck, helps) => expect(wantsRestart(agentOf(record({ agent_status, stuck })))).toBe(helps));
  it.each([
    ["active", null], ["waiting_for_input", null], ["blocked", null], ["completing", null], ["paused", "the contract is paused: resume it first"],
    ["created", "the contract is created: nobody is restarted in it"], ["completed", "the contract is completed: nobody is restarted in it"],
    ["failed", "the contract is failed: nobody is restarted in it"], ["archived", "the contract is archived: nobody is restarted in it"],
  ] as const)("in a contract that is %s is refused: %s", (status, why) => expect(refusalOf(agentOf(record({ restart_refused: "as it was read" })), status)).toBe(why));
  it("in a contract that is not in the store is as the gateway says, which an older one does not", () => {
    expect(refusalOf(agentOf(record({ restart_refused: "it is paused" })), undefined)).toBe("it is paused");
    expect(refusalOf(agentOf(record()), undefined)).toBeNull();
  });
  it("of a supervisor goes another way", () => {
    expect(restartOf("c1", "supervisor").path).toBe("/contracts/c1/supervisor/restart");
    expect(restartOf("c1", "a/b").path).toBe("/contracts/c1/agents/a%2Fb/restart");
  });
});

it("is told again by events of agents, and when a contract ends or goes on", () => {
  const event = (type: MonitorEvent["type"], more: object = {}): MonitorEvent => ({ type, position: 1, timestamp: "2026-11-28T10:00:00Z", contract_id: "c1", ...more });
  const moving = [event("AgentStatusChanged"), event("SupervisorStateChanged"), event("StatusChanged", { old_status: "active", new_status: "completed" }), event("StatusChanged", { old_status: "completed", new_status: "active" })];
  expect(moving.filter(movesAgents)).toEqual(moving);
  expect(movesAgents(event("StatusChanged", { old_status: "active", new_status: "paused" })) || movesAgents(event("PhaseChanged"))).toBe(false);
});
