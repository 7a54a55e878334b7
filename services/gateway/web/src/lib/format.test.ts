import { describe, expect, test } from "vitest";
import { actorWord, age, bothClocks, clock, count, future, instant, length, many, moment, part, preciseClock, rate, shortId, size, threshold, words } from "./format";

describe("ages", () => {
  test.each([
    [-3, "0.0 s"], [0, "0.0 s"], [3.149, "3.1 s"], [9.99, "9.9 s"], [10, "10 s"], [94.9, "94 s"], [119.9, "119 s"],
    [120, "2 min"], [3599, "59 min"], [3600, "1 h 00"], [11_100, "3 h 05"], [86_399, "23 h 59"], [86_400, "1 d"],
    [9.5 * 86_400, "9 d"], [1200 * 86_400, "1\u202f200 d"],
  ])("%d seconds are %s", (seconds, text) => expect(age(seconds)).toBe(text));
});

test("a length keeps its seconds up to an hour", () => {
  expect(length(59)).toBe("59 s");
  expect(length(119)).toBe("1 min 59 s");
  expect(length(11_100)).toBe("3 h 05");
});

test("what is to come says in; what is due says now", () => {
  expect(future(3.2)).toBe("in 4 s");
  expect(future(57_660)).toBe("in 16 h 01");
  expect(future(0)).toBe("now");
});

test("counts have thin spaces and are never shortened", () => {
  expect(count(999)).toBe("999");
  expect(count(2418)).toBe("2\u202f418");
  expect(count(1_234_567)).toBe("1\u202f234\u202f567");
  expect(part(560, 2418)).toBe("560 of 2\u202f418");
});

test("a rate has one decimal", () => expect(rate(38.14)).toBe("38.1"));

test("moments are UTC, to the millisecond", () => {
  const at = instant("2026-11-28T09:58:12.301456Z")!;
  expect(moment(at)).toBe("2026-11-28 09:58:12.301 UTC");
  expect(clock(at)).toBe("09:58:12");
  expect(preciseClock(at)).toBe("09:58:12.301");
  expect(bothClocks(at).startsWith("2026-11-28 09:58:12.301 UTC\n")).toBe(true);
});

test("no time is no instant", () => {
  expect(instant(null)).toBeNull();
  expect(instant("")).toBeNull();
  expect(instant("soon")).toBeNull();
});

test("small words", () => {
  expect(shortId("d983245f-1234")).toBe("d983245f");
  expect(many(1, "agent")).toBe("1 agent");
  expect(many(3, "agent")).toBe("3 agents");
  expect(words("waiting_for_input")).toBe("waiting for input");
});

test("thresholds are written as they were set", () => {
  expect(threshold(90)).toBe("90 s");
  expect(threshold(120)).toBe("120 s");
  expect(threshold(600)).toBe("10 min");
  expect(threshold(86_400)).toBe("24 h");
});

test("a disk is told in the unit that says enough", () => {
  expect([0.4, 9.96, 38.7, 1536].map((gib) => size(gib * 2 ** 30))).toEqual(["0.4 GiB", "10.0 GiB", "38 GiB", "1.5 TiB"]);
});

test("an agent is named by its role", () => expect([actorWord("agent:5070acd4:builder"), actorWord("owner:local"), actorWord(null)]).toEqual(["agent builder", "owner:local", ""]));
