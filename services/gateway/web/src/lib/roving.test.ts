import { expect, it } from "vitest";
import { stepOf } from "./roving";

it.each([
  ["ArrowDown", 3, 4], ["ArrowUp", 3, 2], ["Home", 3, 0], ["End", 3, 39], ["PageDown", 3, 18], ["PageUp", 20, 5],
  ["ArrowDown", 39, 39], ["ArrowUp", 0, 0], ["PageDown", 30, 39], ["PageUp", 3, 0], ["j", 3, null], ["Enter", 3, null], ["toString", 3, null],
])("%s leads from row %i of 40 to %s", (key, at, to) => expect(stepOf(key, at, 40)).toBe(to));
