import { describe, expect, test } from "vitest";
import type { MaintenanceWindow } from "./api.types";
import { about, period, turns, whose } from "./quiet";

const window = (scope: string, planned = false, until = "2026-11-28T02:30:00Z"): MaintenanceWindow => ({ id: scope, scope, started_at: "2026-11-28T02:00:00Z", until, reason: "kernel", started_by: "admin:local", planned });
const at = (time: string): number => Date.parse(`2026-11-28T${time}Z`);

describe("expected quiet", () => {
  test.each([
    ["all", true],
    ["contract:c1", true],
    ["contract:c2", false],
    ["owner:ada", true],
    ["owner:bob", false],
    ["daemon:d1", true],
    ["daemon:", false],
  ])("%s is about an agent of it: %s", (scope, found) => {
    expect(about([window(scope)], { contract: "c1", owner: "ada", daemon: "d1" })).toHaveLength(found ? 1 : 0);
    expect(about([window(scope)], null)).toHaveLength(1);
  });
  test("who has no owner and no daemon is in nobody's", () => {
    expect(about([window("owner:ada"), window("daemon:d1")], { contract: "c1", owner: null, daemon: null })).toEqual([]);
  });
  test("a period names a day once", () => {
    expect(period(window("all"))).toBe("2026-11-28 02:00 – 02:30");
    expect(period(window("all", false, "2026-11-29T01:00:00Z"))).toBe("2026-11-28 02:00 – 2026-11-29 01:00");
  });
  test("what comes next is said: the beginning of a planned one, the end of one that is in force", () => {
    expect(turns(window("all", true), at("00:00:00"))).toBe("starts in 2 h 00");
    expect(turns(window("all"), at("02:18:00"))).toBe("ends in 12 min");
    expect(turns(window("all", true), at("02:00:01"))).toBe("starts now");
  });
  test.each([["all", "everybody"], ["daemon:grace", "daemon grace"]])("%s is %s", (scope, words) => {
    expect(whose(scope)).toBe(words);
  });
});
