import { expect, test } from "vitest";
import { contractOf, lastActOf } from "./last_act";

const act = { text: "Answered: green.", contract: "c1", at: 1, by: "t1" };

test("who did it is told what it was, and nobody else", () => {
  expect(lastActOf(JSON.stringify(act), "t1")).toEqual(act);
  expect(lastActOf(JSON.stringify(act), "t2")).toBeNull();
  expect(lastActOf(JSON.stringify(act), undefined)).toBeNull();
});

test.each([null, "", "{", "[]", '{"text": 1, "contract": null, "at": 1, "by": "t1"}'])("%j was kept by no page", (kept) => expect(lastActOf(kept, "t1")).toBeNull());

test("the contract is that of the path", () => {
  expect(contractOf("/contracts/c1/questions/q1/answer")).toBe("c1");
  expect(contractOf("/api/v1/contracts/c%201/pause")).toBe("c 1");
  expect([contractOf("/contracts/batch"), contractOf("/tokens/t1"), contractOf("/contracts")]).toEqual([null, null, null]);
});
