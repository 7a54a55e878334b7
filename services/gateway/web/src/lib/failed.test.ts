import { expect, test } from "vitest";
import { Problem } from "./api";
import { canForce, consequence, missingOf, nextActs, titleOf } from "./failed";

const problem = (status: number, code: string, members: Readonly<Record<string, unknown>> = {}): Problem => new Problem(status, code, "so it is", null, "1316661c9a20", members);
const phase = { method: "POST", path: "/contracts/c1/phase" };
const pause = { method: "POST", path: "/contracts/c1/pause" };

test.each([
  [409, "VERSION_CONFLICT", pause, "It has changed meanwhile", ["look"], "Nothing was changed by you"],
  [403, "FORBIDDEN", pause, "Your token may look, not act", ["sign_in"], "Nothing was changed."],
  [503, "UNAVAILABLE", pause, "No answer came", ["retry"], "cannot happen twice"],
  [0, "UNREACHABLE", pause, "No answer came", ["retry"], "cannot happen twice"],
  [502, "HTTP_502", pause, "No answer came", ["retry"], "cannot happen twice"],
  [503, "UNAVAILABLE", null, "No answer came", [], "cannot happen twice"],
  [400, "VALIDATION_FAILED", phase, "It cannot go on yet", ["look", "force"], "Nothing was changed."],
  [400, "VALIDATION_FAILED", pause, "It cannot go on yet", ["look"], "Nothing was changed."],
  [409, "PHASE_GUARD_REQUIRED", phase, "A person must confirm it", ["look"], "Nothing was changed."],
  [404, "QUESTION_NOT_FOUND", pause, "It was refused", ["look"], "Nothing was changed."],
] as const)("%i %s", (status, code, act, title, next, said) => {
  const found = problem(status, code);
  expect(titleOf(found)).toBe(title);
  expect(nextActs(found, act)).toEqual(next);
  expect(consequence(found)).toContain(said);
});

test("only a change of phase is forced", () => {
  const refused = problem(400, "VALIDATION_FAILED");
  expect(canForce(refused, "POST", "/api/v1/contracts/c1/phase")).toBe(true);
  for (const path of ["/contracts/c1/phase/x", "/contracts/batch", "/phase"]) expect(canForce(refused, "POST", path)).toBe(false);
  expect(canForce(problem(409, "VERSION_CONFLICT"), "POST", "/contracts/c1/phase")).toBe(false);
});

test("what is missing is what the gate lists", () => {
  expect(missingOf(problem(400, "VALIDATION_FAILED", { missing: ["deliverable plan-document", { task: 1 }] }))).toEqual(["deliverable plan-document", '{"task":1}']);
  expect(missingOf(problem(400, "VALIDATION_FAILED"))).toEqual([]);
});
