import { expect, it } from "vitest";
import { Heard } from "./heard";

const beat = (timestamp: string | null, activity: string | null = null, role?: string) =>
  ({ type: "Heartbeat", timestamp, contract_id: "c1", ...(role ? { role } : {}), state: null, activity, progress: null }) as const;

it("keeps the newest beat of each role, and never goes back", () => {
  const heard = new Heard();
  heard.take(beat("2026-11-28T10:00:02.5Z", "reads", "builder"));
  heard.take(beat("2026-11-28T10:00:02.123456Z", "of before", "builder"));
  heard.take(beat("2026-11-28T10:00:01Z"));
  expect(heard.get("c1", "builder")).toEqual({ at: "2026-11-28T10:00:02.5Z", activity: "reads", progress: null });
  expect(heard.get("c1", "supervisor")?.at).toBe("2026-11-28T10:00:01Z");
});

it.each([
  [null, "2026-11-28T10:00:02Z"],
  ["2026-11-28T10:00:01Z", "2026-11-28T10:00:02Z"],
  ["2026-11-28T10:00:03Z", "2026-11-28T10:00:03Z"],
])("was heard at the later of what was read (%s) and what was told", (read, at) => {
  const heard = new Heard();
  heard.take(beat("2026-11-28T10:00:02Z", null, "builder"));
  expect(heard.at("c1", "builder", read)).toBe(at);
  expect(heard.at("c1", "tester", read)).toBe(read);
});

it.each([
  ["2026-11-28T10:00:01Z", { at: "2026-11-28T10:00:02Z", activity: "tests", progress: null }],
  ["2026-11-28T10:00:03Z", { at: "2026-11-28T10:00:03Z", activity: "reads", progress: 5 }],
  [null, { at: "2026-11-28T10:00:02Z", activity: "tests", progress: null }],
])("says what the later of what was read (%s) and what was told says", (read, said) => {
  const heard = new Heard();
  heard.take(beat("2026-11-28T10:00:02Z", "tests", "builder"));
  const builder = { last_heartbeat_at: read, activity: "reads", progress: 5 };
  expect(heard.newest("c1", "builder", builder)).toEqual(said);
  expect(heard.newest("c1", "tester", builder)).toEqual({ at: read, activity: "reads", progress: 5 });
});

it("a beat without a time says nothing", () => {
  const heard = new Heard();
  heard.take(beat(null));
  expect(heard.fresh).toBe(false);
});
