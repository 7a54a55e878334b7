import { expect, test } from "vitest";
import { agreed, type Answer, asked, AT_MOST, because, outcome } from "./batch";
import { sampleRow } from "./samples";

const row = (id: string, version = 3) => sampleRow(id, { version });
const answer = (members: Partial<Answer> = {}): Answer => ({ operation: "pause", affected: [], skipped: [], errors: [], ...members });

test("a batch asks for each contract at the version that was seen, and for no more than the API takes", () => {
  expect(asked("pause", [row("a"), row("b", 4)], true)).toEqual({ operation: "pause", ids: [{ id: "a", expected_version: 3 }, { id: "b", expected_version: 4 }], dry_run: true });
  expect(asked("pause", [row("a")], false, " lunch ")["reason"]).toBe("lunch");
  expect(asked("pause", Array.from({ length: AT_MOST + 1 }, (_, k) => row(String(k))), true)["ids"]).toHaveLength(AT_MOST);
});

test("what runs is what the preview has shown", () => {
  const preview = answer({ affected: [{ id: "b", version: 4 }], skipped: [{ id: "a", code: "INVALID_TRANSITION", detail: "" }] });
  expect(agreed([row("a"), row("b", 7)], preview)).toEqual([row("b", 4)]);
});

test("why one is skipped is said in the words of the page", () => {
  const refused = { id: "a", code: "INVALID_TRANSITION", detail: "status waiting_for_input does not allow 'archive'" };
  expect(because(refused, sampleRow("a", { status: "waiting_for_input" }))).toBe("it is waiting for input");
  expect(because(refused, undefined)).toBe(refused.detail);
  expect(because({ id: "a", code: "VERSION_CONFLICT", detail: "the contract is at version 4, not 3" }, row("a"))).toBe("the contract is at version 4, not 3");
});

test("the outcome counts what was skipped and what failed", () => {
  const one = { id: "a", code: "X", detail: "" };
  expect(outcome("Paused", answer({ affected: [{ id: "a", version: 1 }] }))).toBe("Paused 1 contract.");
  expect(outcome("Paused", answer({ skipped: [one], errors: [one, one] }))).toBe("Paused 0 contracts. 1 was skipped, 2 failed.");
});
