import { expect, test } from "vitest";
import { compressed, room } from "./scale";

test("up to 8 seconds time is linear, beyond it each doubling adds the same", () => {
  expect(room(3)).toBe(3);
  expect(room(8)).toBe(8);
  expect(room(32) - room(16)).toBeCloseTo(room(16) - room(8));
});

test("a night takes no more room than some seconds of work", () => {
  expect(room(9 * 3600)).toBeLessThan(40);
});

test("a longer wait never takes less room", () => {
  const rooms = [0, 1, 7.9, 8, 8.1, 60, 3600, 86_400].map(room);
  expect(rooms).toEqual([...rooms].sort((a, b) => a - b));
});

test("events keep their order and stay inside; long waits carry their length", () => {
  const scale = compressed([0, 1000, 2000, 3_602_000, 3_603_000], 72, 700);
  expect([...scale.x]).toEqual([...scale.x].sort((a, b) => a - b));
  expect(scale.x[0]).toBe(72);
  expect(scale.x.at(-1)!).toBeLessThan(700);
  expect(scale.gaps).toHaveLength(1);
  expect(scale.gaps[0]).toMatchObject({ from: scale.x[2], to: scale.x[3], seconds: 3600 });
});

test("an instant between two events lies between them, one outside at the edge", () => {
  const scale = compressed([1000, 3000, 9000], 0, 100);
  expect(scale.at(2000)).toBeCloseTo((scale.x[0]! + scale.x[1]!) / 2);
  expect(scale.at(0)).toBe(0);
  expect(scale.at(10_000)).toBe(100);
  expect(scale.nearest(scale.x[1]! + 1)).toBe(1);
});

test("no event, and one alone, make no error", () => {
  expect(compressed([], 0, 100).x).toEqual([]);
  expect(compressed([], 0, 100).at(5)).toBe(0);
  expect(compressed([5000], 0, 100).x).toEqual([0]);
  expect(compressed([5000, 5000], 0, 100).at(5000)).toBe(0);
});
