/** A batch over selected contracts: what is asked, and how its answer reads. Pure. */

import type { SelectedAnswer } from "./api.types";
import { many, words } from "./format";
import type { Row } from "./shapes";

export type Operation = "pause" | "resume" | "archive" | "unblock" | "restart_supervisor";
export const AT_MOST = 500; // ids of one request

/** In the bar, in this order; `of`: what the button of the preview says of several. */
export const OPERATIONS: readonly { readonly name: Operation; readonly word: string; readonly verb: string; readonly done: string }[] = [
  { name: "pause", word: "Pause", verb: "Pause", done: "Paused" },
  { name: "resume", word: "Resume", verb: "Resume", done: "Resumed" },
  { name: "unblock", word: "Unblock", verb: "Unblock", done: "Unblocked" },
  { name: "archive", word: "Archive", verb: "Archive", done: "Archived" },
  { name: "restart_supervisor", word: "Restart supervisors", verb: "Restart the supervisors of", done: "Restarting the supervisors of" },
];

export type Answer = SelectedAnswer;

/** The body of `POST /contracts/batch`: each at the version that was seen. */
export function asked(operation: Operation, rows: readonly Row[], dryRun: boolean, reason = ""): Readonly<Record<string, unknown>> {
  const ids = rows.slice(0, AT_MOST).map((row) => ({ id: row.id, expected_version: row.version }));
  return { operation, ids, dry_run: dryRun, ...(reason.trim() ? { reason: reason.trim() } : {}) };
}

/** “Paused 7 contracts. 2 were skipped, 1 failed.” */
export function outcome(done: string, answer: Answer): string {
  const rest = [answer.skipped.length > 0 ? `${answer.skipped.length} ${answer.skipped.length === 1 ? "was" : "were"} skipped` : "", answer.errors.length > 0 ? `${answer.errors.length} failed` : ""].filter(Boolean);
  return `${done} ${many(answer.affected.length, "contract")}.${rest.length > 0 ? ` ${rest.join(", ")}.` : ""}`;
}

/** Why one is skipped, as the page says it; `row` is as it was seen, and refused as such. */
export const because = (one: Answer["skipped"][number], row: Row | undefined): string => (one.code === "INVALID_TRANSITION" && row !== undefined ? `it is ${words(row.status)}` : one.detail);

/** The rows to run it on: those that the preview would touch, at the versions it has shown. */
export function agreed(rows: readonly Row[], preview: Answer): readonly Row[] {
  const versions = new Map(preview.affected.map((one) => [one.id, one.version]));
  return rows.flatMap((row) => (versions.has(row.id) ? [{ ...row, version: versions.get(row.id)! }] : []));
}
