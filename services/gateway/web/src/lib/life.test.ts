import { describe, expect, it } from "vitest";
import type { AgentState } from "./shapes";
import { causeOf, edgesOf, labelBox, nodeBox, NODES, overlap, lifeOf, lifeOfVerdicts, lifeSentence, type Step, visited, withLengths } from "./life";

const step = (position: number, from: string | null, to: string, trigger = "join"): Step => ({ at: `2026-11-28T10:00:${String(position).padStart(2, "0")}Z`, from, to, trigger, actor: null, position });
const LIFE = [step(5, "working", "dead", "heartbeat_expired"), step(4, "ready", "working"), step(3, "working", "ready"), step(2, "ready", "working"), step(1, "offline", "ready")];

describe("the steps of a life", () => {
  it.each([[LIFE], [[...LIFE].reverse()], [{ items: LIFE }], [{ life: LIFE }], [{ steps: LIFE }]])("are read newest first, alone or in a page", (answer) => expect(lifeOf(answer).map((one) => one.position)).toEqual([5, 4, 3, 2, 1]));
  it.each([[null], [undefined], [{}], ["no list"]])("are none in %j", (answer) => expect(lifeOf(answer)).toEqual([]));
  it("of verdicts say who decided", () => {
    const [one] = lifeOfVerdicts([{ at: "2026-11-28T10:00:00Z", position: 9, stream: "agent-c:builder", event: "AgentStatusChanged", old_status: "ready", new_status: "dead", connection_id: "k", evidence: { decided_by: "detector" } }]);
    expect(one).toMatchObject({ from: "ready", to: "dead", trigger: "heartbeat_expired", actor: "detector", position: 9 });
  });
  it("have a length, but for the last", () => expect(withLengths(LIFE).map((one) => one.seconds)).toEqual([null, 1, 1, 1, 1]));
});

describe("the diagram", () => {
  it("counts each way, and marks the newest", () => {
    const edges = edgesOf(LIFE);
    expect(edges.find((edge) => edge.from === "ready" && edge.to === "working")).toMatchObject({ times: 2, last: false });
    expect(edges.find((edge) => edge.from === "working" && edge.to === "dead")).toMatchObject({ times: 1, last: true });
    expect(edges.find((edge) => edge.from === "dead" && edge.to === "offline")?.times).toBe(0);
  });
  it.each([["working", "offline", "leave"], ["dead_failed_revive", "ready", "join"], ["ready", "offline", "leave"], ["restarting", "dead", "restart_expired"]])("draws a way that is not usual where it was taken: %s to %s", (from, to, trigger) => {
    const found = edgesOf([step(1, from, to, trigger)]).filter((edge) => edge.times > 0);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ from, to, word: trigger, times: 1, last: true });
    expect(found[0]!.path).toMatch(/^M-?\d+ -?\d+Q-?\d+ -?\d+ -?\d+ -?\d+$/);
  });
  it.each([[step(1, null, "ready")], [step(1, "of a later gateway", "ready")], [step(1, "ready", "ready")]])("draws no way for %j", (one) => expect(edgesOf([one]).filter((edge) => edge.times > 0)).toEqual([]));
  it.each([
    [[["ready", "offline"], ["dead", "working"], ["working", "offline"]]],
    [[["dead", "ready"], ["ready", "offline"], ["ready", "restarting"], ["dead", "working"]]],
    [[["working", "restarting"], ["restarting", "working"], ["dead_failed_revive", "restarting"]]],
    [[["restarting", "dead"], ["restarting", "offline"], ["dead_failed_revive", "offline"], ["dead_failed_revive", "ready"]]],
    [[["offline", "working"], ["working", "offline"], ["dead_failed_revive", "working"]]],
  ] as [string, string][][][])("has no label over another or over a state: %j", (rare) => {
    const usual = edgesOf([]).map(({ from, to }, k) => step(40 + k, from, to));
    const edges = edgesOf([...usual, ...rare.map(([from, to], k) => step(60 + k, from, to, "heartbeat_expired"))]);
    const names = Object.keys(NODES) as AgentState[];
    edges.forEach((edge, k) => {
      const box = labelBox(edge);
      expect([edge.from, edge.to, names.filter((name) => overlap(box, nodeBox(name)))]).toEqual([edge.from, edge.to, []]);
      expect([edge.from, edge.to, edges.slice(0, k).filter((other) => overlap(box, labelBox(other))).map((other) => [other.from, other.to])]).toEqual([edge.from, edge.to, []]);
    });
  });
  it.each([["offline", "ready", "SupervisorRegistered", "join"], ["ready", "dead", "SupervisorStateChanged", "heartbeat_expired"], ["ready", "offline", "SupervisorStateChanged", "leave"], ["dead", "working", "SupervisorStateChanged", "heard again"], ["ready", "working", "SupervisorStateChanged", "reported"], ["dead", "restarting", "SupervisorRestartRequested", "restart_initiated"], ["ready", "dead", "cleanup", "cleanup"]])("of a supervisor says what an agent's would: %s to %s", (from, to, trigger, cause) => expect(causeOf(step(1, from, to, trigger))).toBe(cause));
  it("says itself in a sentence", () => expect(lifeSentence(LIFE, "dead")).toBe("State diagram: it is DEAD; it went from OFFLINE to READY, from READY to WORKING 2 times, from WORKING to READY, from WORKING to DEAD"));
  it("knows where it has been", () => expect([...visited([LIFE[0]!], "dead")].sort()).toEqual(["dead", "working"]));
});
