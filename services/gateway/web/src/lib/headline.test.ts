import { expect, test } from "vitest";
import { overview, type Summary } from "./headline";

const said = (more: Partial<Summary>): string => overview({ contracts: 27, atWork: 9, needs: 0, agents: 37, dead: 0, beyond: 0, ...more }).map((piece) => piece.text).join("");

test("it says what waits, who is dead, and what is fine, in this order", () => {
  expect(said({ needs: 5, agents: 36, dead: 3, beyond: 1 })).toBe("5 things wait for you. 3 agents are dead, one of them beyond revival; 33 of 36 are alive.");
  expect(said({})).toBe("Nothing waits for you. All 37 agents are alive; 9 contracts are at work.");
  expect(said({ contracts: 0, agents: 0 })).toBe("No contracts yet.");
});

test("a demo fleet of which nobody has joined is starting", () => {
  expect(said({ contracts: 0, agents: 0, starting: true })).toBe("The demo fleet is starting.");
  expect(said({ contracts: 8, agents: 0, starting: true })).toBe("The demo fleet is starting; 8 contracts wait for its agents.");
  expect(said({ contracts: 1, agents: 0, starting: true })).toBe("The demo fleet is starting; 1 contract waits for its agents.");
});

test("one is one", () => {
  expect(said({ needs: 1, agents: 1, atWork: 1 })).toBe("1 thing waits for you. The one agent is alive; 1 contract is at work.");
  expect(said({ agents: 2, dead: 1, beyond: 1 })).toBe("Nothing waits for you. 1 agent is dead, beyond revival; 1 of 2 are alive.");
  expect(said({ agents: 0, atWork: 0 })).toBe("Nothing waits for you. No agent has joined; 0 contracts are at work.");
});

test("what is not known is not claimed", () => {
  expect(said({ agents: null })).toBe("Nothing waits for you. 9 contracts are at work.");
  expect(said({ needs: null, agents: null })).toBe("9 contracts are at work.");
  expect(said({ needs: null })).toBe("All 37 agents are alive; 9 contracts are at work.");
});

test("what counts is strong", () => {
  expect(overview({ contracts: 1, atWork: 0, needs: 5, agents: 0, dead: 0, beyond: 0 })[0]).toEqual({ text: "5 things", strong: true });
});
