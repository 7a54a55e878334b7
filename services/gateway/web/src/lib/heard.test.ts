import { expect, it } from "vitest";
import { Heard } from "./heard";

const beat = (timestamp: string | null, activity: string | null = null, role?: string) =>
  ({ type: "Heartbeat", timestamp, contract_id: "c1", ...(role ? { role } : {}), state: null, activity, progress: null }) as const;

it("keeps the newest beat of each role, and never goes back", () => {
  const heard = new Heard();
  heard.take(beat("2026-11-28T10:00:02.5Z", "reads", "builder"));
  heard.take(beat("2026-11-28T10:00:02.123456Z", "of before", "builder"));
  heard.take(beat("2026-11-28T10:00:01Z"));
  expect(heard.get("c1", "builder")).toEqual({ at: "2026-11-28T10:00:02.5Z", activity: "reads" });
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

it("a beat without a time says nothing", () => {
  const heard = new Heard();
  heard.take(beat(null));
  expect(heard.fresh).toBe(false);
});
