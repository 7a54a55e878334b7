import { expect, test } from "vitest";
import type { ServiceView as Service } from "./api.types";
import { behind, says, systemSentence, thresholdLines, upSince } from "./system";

const replica = { id: "a", pid: 1, host: "h", since: "2026-11-28T10:00:00Z", version: "1", ready: true, failing: {}, shared: {}, warnings: {}, lag_events: {} };
const service = (members: Partial<Service> = {}): Service => ({ name: "gateway", ready: true, replicas: [replica], ...members });
const text = (...of: Parameters<typeof systemSentence>): string => systemSentence(...of).map((piece) => piece.text).join("");

test("the headline says how many are ready, and what was set aside where the reader may know it", () => {
  expect(text([service(), service()], 2)).toBe("All 2 services are ready. 2 messages were set aside.");
  expect(text([service(), service({ ready: false })], 0)).toBe("1 service of 2 is not ready. Nothing was set aside.");
  expect(text([service(), service()], null)).toBe("All 2 services are ready.");
  expect(text([], 50, true)).toBe("No service has told how it is. More than 50 messages were set aside.");
});

test("a service is as far behind as its slowest replica, and up since its youngest", () => {
  const two = service({ replicas: [{ ...replica, lag_events: { rows: 3, other: 1 } }, { ...replica, since: "2026-11-28T11:00:00Z", lag_events: { rows: 9 } }] });
  expect([behind(two), upSince(two)]).toEqual([9, "2026-11-28T11:00:00Z"]);
  expect([behind(service({ replicas: [] })), upSince(service({ replicas: [] }))]).toEqual([null, null]);
});

test("what is wrong is said once, the worst first", () => {
  const bad = { ...replica, failing: { nats: "no answer" }, warnings: { disk_low: "" } };
  expect(says(service({ replicas: [{ ...replica, warnings: { disk_low: "" } }, bad] }))).toEqual(["nats: no answer", "disk low"]);
});

test("thresholds keep their exact value, and one without a name of its own is still shown", () => {
  const lines = thresholdLines({ new_limit_gib: { value: 100, unit: "gib", set_by: "settings" }, stale_threshold_minutes: { value: 30, unit: "minutes", set_by: "settings" }, heartbeat_interval_seconds: { value: 0.5, unit: "seconds", set_by: "default" } });
  expect(lines).toEqual([["Heartbeat every", "0.5 s", "default"], ["Stale after", "30 min", "settings"], ["New limit", "100 GiB", "settings"]]);
});
