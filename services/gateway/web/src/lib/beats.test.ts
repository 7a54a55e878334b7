import { expect, test } from "vitest";
import { beatsOf, beatsSentence, connectionsOf } from "./beats";

test("a strip is one sentence", () => {
  expect(beatsSentence(beatsOf("111l110|11"))).toBe("last 10 beats: 7 on time, 1 late, 1 missed, a new connection");
  expect(beatsSentence(beatsOf("1111"))).toBe("last 4 beats: 4 on time");
  expect(beatsSentence(beatsOf("----"))).toBe("it was not there");
});

test("an unknown mark claims no heartbeat", () => expect(beatsOf("?")).toEqual(["not there"]));

const strip = (slots: string) => ({ to: "2026-11-28T10:10:00Z", step_seconds: 60, slots }); // the last ten minutes
const step = (minute: number, from: string, to: string, connection_id: string | null) => ({ at: `2026-11-28T10:0${minute}:30Z`, from, to, connection_id, trigger: null, actor: null, position: minute });

test("both connections of an agent that joined again are there, with the moment of the join", () => {
  const life = [step(6, "dead", "ready", "c3"), step(4, "working", "dead", "c2"), step(2, "ready", "working", "c2"), { ...step(1, "offline", "ready", "c2"), at: "2026-11-28T09:50:00Z" }, { ...step(0, "offline", "ready", "c1"), at: "2026-11-28T09:40:00Z" }];
  expect(connectionsOf(strip("1111l0|111"), life)).toEqual([{ id: "c2", from: 0, joined: null }, { id: "c3", from: 6, joined: "2026-11-28T10:06:30Z" }]);
  expect(connectionsOf(strip("----------"), [])).toEqual([]);
});
