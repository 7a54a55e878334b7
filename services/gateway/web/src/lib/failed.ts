/** An act that failed: what happened, what is now, and what can be done next. Pure. */

import type { Problem } from "./api";

export type Next = "look" | "retry" | "force" | "sign_in";

const TITLES: Readonly<Record<string, string>> = {
  VERSION_CONFLICT: "It has changed meanwhile",
  FORBIDDEN: "Your token may look, not act",
  UNREACHABLE: "No answer came",
  UNAVAILABLE: "No answer came",
  VALIDATION_FAILED: "It cannot go on yet",
  PHASE_GUARD_REQUIRED: "A person must confirm it",
};

export const titleOf = (problem: Problem): string => TITLES[problem.code] ?? (problem.unsure ? "No answer came" : "It was refused");

/** Whether anything was changed. */
export function consequence(problem: Problem): string {
  if (problem.unsure) return "Whether it was recorded is not known yet; trying again asks under the same key, so it cannot happen twice.";
  return problem.code === "VERSION_CONFLICT" ? "Nothing was changed by you; look again and decide." : "Nothing was changed.";
}

/** A change of phase that was refused because of its gate can be forced, with a reason; nothing else can. */
export function canForce(problem: Problem, method: string, path: string): boolean {
  return problem.code === "VALIDATION_FAILED" && method === "POST" && /^(\/api\/v1)?\/contracts\/[^/]+\/phase$/.test(path);
}

/** What the buttons offer, the most useful one first. `act` null: what failed cannot be done again from here. */
export function nextActs(problem: Problem, act: { readonly method: string; readonly path: string } | null): readonly Next[] {
  if (problem.unsure) return act === null ? [] : ["retry"];
  if (problem.code === "FORBIDDEN") return ["sign_in"];
  if (problem.code === "VERSION_CONFLICT") return ["look"];
  return act !== null && canForce(problem, act.method, act.path) ? ["look", "force"] : ["look"];
}

/** What is missing, as the gate's refusal lists it. */
export const missingOf = (problem: Problem): readonly string[] => (Array.isArray(problem.members["missing"]) ? problem.members["missing"].map((one) => (typeof one === "string" ? one : JSON.stringify(one))) : []);
