import { expect, test } from "vitest";
import { heldSentence, renewedSentence } from "./bands";
import type { Tick } from "./shapes";

const tick = (more: Partial<Tick>): Tick => ({ type: "Tick", position: 1, head: 1, timestamp: "t", lag_ms: 0, watermark_age_ms: 1, verdicts_held: 0, ...more });

test("a hold says why, and until when, as far as it is known", () => {
  expect(heldSentence(tick({ verdicts_held: 1, verdicts_held_until: "2026-11-28T10:02:12.000000Z" }))).toMatch(/^Verdicts are held until 10:02:12 UTC at the latest: so many senders of one owner fell silent within one interval/);
  expect(heldSentence(tick({ verdicts_held: 2, verdicts_held_until: null }))).toMatch(/^Verdicts are held: so many senders of 2 owners /);
  expect(heldSentence(tick({ verdicts_held: 1 }))).toMatch(/^Verdicts are held: /); // an older gateway
});

test.each([null, tick({}), tick({ verdicts_held: null })])("none is held", (of) => expect(heldSentence(of)).toBeNull());

test("what was read anew says so with the reason and the time", () => {
  expect(renewedSentence({ at: Date.UTC(2026, 10, 28, 9, 58, 14), reason: "the log was replaced by another one" })).toBe(
    "The log was replaced by another one. Everything on this page was read anew at 09:58:14 UTC; links with a position may not fit.",
  );
});
