import { expect, test } from "vitest";
import { beatsOf, beatsSentence } from "./beats";

test("a strip is one sentence", () => {
  expect(beatsSentence(beatsOf("111l110|11"))).toBe("last 10 beats: 7 on time, 1 late, 1 missed, a new connection");
  expect(beatsSentence(beatsOf("1111"))).toBe("last 4 beats: 4 on time");
  expect(beatsSentence(beatsOf("----"))).toBe("it has not joined");
});

test("an unknown mark claims no heartbeat", () => expect(beatsOf("?")).toEqual(["not joined"]));
