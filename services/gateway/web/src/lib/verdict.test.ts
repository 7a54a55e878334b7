import { describe, expect, it } from "vitest";
import type { Verdict } from "./life";
import { drawing, milliseconds, proofs } from "./verdict";

const EVIDENCE = {
  last_heartbeat_at: "2026-11-28T04:35:58.709579Z", timeout_seconds: 90, deadline: "2026-11-28T04:37:28.709579Z", watermark: "2026-11-28T04:37:28.724292Z",
  lateness_ms: 14.712463, decided_by: "stale_detector@vm:1:a", stream_sequence: 42769, stream_epoch: "fb6ae456",
};
const verdict = (evidence: Readonly<Record<string, unknown>> = EVIDENCE): Verdict => ({ at: "2026-11-28T04:37:28.845370Z", position: 1964, stream: "agent-c1:builder", event: "AgentStatusChanged", old_status: "working", new_status: "dead", connection_id: "k", evidence });

describe("the evidence", () => {
  it("shows every number, the position and the stream's sequence, each a fact", () => {
    const found = Object.fromEntries(proofs(verdict()).map((proof) => [proof.name, proof]));
    expect(found["Last heartbeat"]?.value).toBe("2026-11-28 04:35:58.709 UTC");
    expect(found["Stream sequence"]).toMatchObject({ value: "42\u202f769", note: "of that heartbeat; epoch fb6ae456", fact: true });
    expect(found["Allowed silence"]?.value).toBe("90 s");
    expect(found["Late by"]?.value).toBe("14.7 ms");
    expect(found["Recorded"]?.note).toBe("AgentStatusChanged at position 1\u202f964, stream agent-c1:builder");
  });
  it("that the process is gone is an inference, the only one", () => expect(proofs(verdict()).filter((proof) => !proof.fact).map((proof) => proof.name)).toEqual(["The process is gone"]));
  it("says what it does not know", () => expect(proofs(verdict({})).map((proof) => proof.value)).toEqual(["none", "not known", "not known", "not known", "not known", "not known", "not known", "2026-11-28 04:37:28.845 UTC", "not known"]));
  it("shows a member of a later gateway as it is", () => expect(proofs(verdict({ ...EVIDENCE, quiet_until: "12:00" })).find((proof) => proof.name === "quiet until")?.value).toBe("12:00"));
});

describe("the drawing", () => {
  it.each([[30, [30, 60]], [45, [45]], [1, []], [0, []], [90, []]])("with a beat every %d s, marks what was missed", (interval, missed) => expect(drawing(verdict(), interval)?.missed).toEqual(missed));
  it("of one that was never heard has no last beat", () => expect(drawing(verdict({ ...EVIDENCE, last_heartbeat_at: null }), 30)?.last).toBeNull());
  it("is none without a deadline", () => expect(drawing(verdict({}), 30)).toBeNull());
  it.each([[0.04, "0 ms"], [14.71, "14.7 ms"], [1204.2, "1\u202f204 ms"]])("writes %d as %s", (value, said) => expect(milliseconds(value)).toBe(said));
});
