import { expect, test } from "vitest";
import { type Choice, matching } from "./palette";

const contracts = (many: number): Choice[] => Array.from({ length: many }, (_, k) => ({ group: "Contracts", text: `Fix #${k}`, hint: k % 2 ? "failed" : "active", glyph: "disc", more: `id-${k}` }));
const pages: Choice[] = [{ group: "Go to", text: "Overview", hint: "g o", glyph: "home" }];

test("each word must be somewhere: name, state, id", () => {
  expect(matching(contracts(100), "fix FAILED id-7").map((one) => one.text)).toEqual(["Fix #7", "Fix #71", "Fix #73", "Fix #75", "Fix #77", "Fix #79"]);
});

test("no group takes the room of another", () => {
  expect(matching([...contracts(10_000), ...pages], "").length).toBe(6);
  expect(matching([...contracts(10_000), ...pages], "fix").length).toBe(8);
  expect(matching(contracts(3), "nothing like it")).toEqual([]);
});

test("however many actions there are, none is hidden", () => {
  const acts = Array.from({ length: 12 }, (_, k): Choice => ({ group: "Do", text: `Act ${k}`, hint: "", glyph: "list" }));
  expect(matching([...acts, ...contracts(10)], "").map((one) => one.group)).toEqual([...acts.map(() => "Do"), ...Array.from({ length: 5 }, () => "Contracts")]);
});
