import { expect, test } from "vitest";
import { type Around, lanesOf } from "./lanes";
import type { LogEvent } from "./timeline";

let position = 0;
const event = (name: string, data: Record<string, unknown> = {}, category = "contract"): LogEvent => ({ type: `makima.${category}.${name}.v1`, time: new Date(1000 * ++position).toISOString(), position, data });
const agent = (name: string, data: Record<string, unknown>): LogEvent => event(name, data, "agent");
const WHOLE: Around = { whole: true, status: "active", phase: "execute", tasks: new Map([["t1", "look around"]]) };
const EVENTS = [
  event("ContractCreated", { phases: [{ name: "plan" }, { name: "execute" }] }),
  event("ContractStarted"),
  event("TaskCreated", { task_id: "sup", name: "supervise", is_supervisor: true }),
  event("TaskStarted", { task_id: "sup" }),
  event("TaskStarted", { task_id: "t1", connection_id: "c1" }),
  event("TaskReleased", { task_id: "t1", reason: "agent_silent", connection_id: "c1" }),
  event("TaskStarted", { task_id: "t1", connection_id: "c2" }),
  event("ContractPaused", { reason: "lunch" }),
  event("ContractResumed", { to: "active" }),
  event("PhaseChanged", { from_phase: "plan", to_phase: "execute", confirmed: true }),
];
const spans = (bars: ReturnType<typeof lanesOf>["status"]) => bars.map((bar) => [bar.kind || bar.text, bar.from, bar.to]);

test("a status holds until the next, and the last one until now", () => {
  expect(spans(lanesOf(EVENTS, WHOLE).status)).toEqual([["created", 0, 1], ["active", 1, 7], ["paused", 7, 8], ["active", 8, null]]);
});

test("phases have their names", () => expect(spans(lanesOf(EVENTS, WHOLE).phase)).toEqual([["plan", 0, 9], ["execute", 9, null]]));

test("a task that was released is drawn as such, and again when it runs; the supervisor's own is not drawn", () => {
  expect(lanesOf(EVENTS, WHOLE).tasks.map((bar) => [bar.text, bar.kind, bar.from, bar.to])).toEqual([["look around", "released", 4, 5], ["look around", "running", 6, null]]);
});

test("each role has a row: there, dead, restarted, there again under another connection; who left is not drawn", () => {
  const life = [
    event("SupervisorRegistered", { state: "working", connection_id: "s1" }, "supervisor"),
    agent("AgentJoined", { role: "builder", connection_id: "c1-and-more", old_status: "offline", new_status: "ready" }),
    agent("AgentStatusChanged", { role: "builder", connection_id: "c1-and-more", old_status: "ready", new_status: "working" }),
    agent("AgentStatusChanged", { role: "builder", connection_id: "c1-and-more", old_status: "working", new_status: "dead" }),
    agent("AgentStatusChanged", { role: "builder", old_status: "dead", new_status: "restarting" }),
    agent("AgentJoined", { role: "builder", connection_id: "c2", old_status: "restarting", new_status: "ready" }),
    agent("AgentJoined", { role: "builder", connection_id: "c3", old_status: "ready", new_status: "ready" }),
    agent("AgentLeft", { role: "builder", connection_id: "c3", old_status: "ready" }),
    event("SupervisorStateChanged", { old_state: "working", new_state: "interrupted", connection_id: "s1" }, "supervisor"),
  ];
  const { roles, agents, hot } = lanesOf(life, WHOLE);
  expect(roles).toEqual(["supervisor", "builder"]);
  expect(spans(agents.filter((bar) => bar.row === 1))).toEqual([["there", 1, 3], ["dead", 3, 4], ["restarting", 4, 5], ["there", 5, 6], ["there", 6, 7]]);
  expect(spans(agents.filter((bar) => bar.row === 0))).toEqual([["there", 0, 8], ["dead", 8, null]]);
  expect(agents[0]!.text).toBe("builder: READY, connection c1-and-m");
  expect([...hot]).toEqual([3, 8]);
});

test("of more roles than have room it is said how many are not drawn", () => {
  const joins = Array.from({ length: 8 }, (_, k) => agent("AgentJoined", { role: `builder-${k}`, connection_id: "c", old_status: "offline", new_status: "ready" }));
  expect(lanesOf([...joins, ...joins], WHOLE)).toMatchObject({ roles: joins.slice(0, 6).map((one) => one.data["role"]), hidden: 2 });
  expect(lanesOf(joins.slice(0, 6), WHOLE).hidden).toBe(0);
});

test("what began before the first event that was read is drawn from there", () => {
  const later: Around = { ...WHOLE, whole: false };
  const some = [
    agent("AgentStatusChanged", { role: "builder", old_status: "working", new_status: "dead" }),
    event("TaskReleased", { task_id: "t1" }),
    event("PhaseChanged", { from_phase: "plan", to_phase: "execute" }),
  ];
  const lanes = lanesOf(some, later);
  expect([spans(lanes.status), spans(lanes.phase), spans(lanes.tasks), spans(lanes.agents)]).toEqual([[["active", 0, null]], [["plan", 0, 2], ["execute", 2, null]], [["released", 0, 1]], [["dead", 0, null]]]);
  expect(spans(lanesOf(some.slice(1, 2), later).phase)).toEqual([["execute", 0, null]]);
});

test("what somebody had to act on is hot", () => expect([...lanesOf(EVENTS, WHOLE).hot]).toEqual([5, 7]));

test("no event, no lane", () => expect(lanesOf([], WHOLE)).toMatchObject({ status: [], phase: [], tasks: [], agents: [], roles: [], hidden: 0 }));
