/** What the page of a contract needs beside the API's answers: its tasks and questions at a moment of its log, what waits
 * for a person, and which moves there are. Pure. */

import type * as api from "./api.types";
import { instant } from "./format";
import type { ContractStatus, NeedItem, Row } from "./shapes";
import { eventName, firstPhase, type LogEvent, text, versionAfter } from "./timeline";

export type Whole = api.Contract;
export type { Message, Question, Task } from "./api.types";

/** What only the log tells: of what was read of it, up to a moment. */
export interface Marks {
  readonly evidence: ReadonlyMap<string, string>; // of `phase deliverable`
  readonly entered: ReadonlyMap<string, string>; // when a phase was entered last
  readonly left: ReadonlyMap<string, string>;
}

/** When phases began and ended, and what proves deliverables. */
export function marksOf(events: readonly LogEvent[]): Marks {
  const [evidence, entered, left] = [new Map<string, string>(), new Map<string, string>(), new Map<string, string>()];
  for (const event of events) {
    const name = eventName(event);
    if (name === "ContractCreated") entered.set(firstPhase(event), event.time);
    else if (name === "PhaseChanged") {
      left.set(text(event, "from_phase"), event.time);
      entered.set(text(event, "to_phase"), event.time);
    } else if (name === "DeliverableCompleted") evidence.set(`${text(event, "phase")} ${text(event, "deliverable_id")}`, text(event, "evidence"));
  }
  return { evidence, entered, left };
}

/** The events up to the one that made this version. */
export function upTo(version: number, events: readonly LogEvent[]): readonly LogEvent[] {
  return events.slice(0, events.findLastIndex((event) => (versionAfter(event) ?? Infinity) <= version) + 1);
}

/** The version that an address means: `?v=29`, or the last one at `?at=` a time, among those that were read; null: now, which is `last`. */
export function versionOf(query: URLSearchParams, events: readonly LogEvent[], last: number): number | null {
  const v = Number(query.get("v"));
  if (query.get("v") && Number.isInteger(v)) return v >= last ? null : Math.max(1, v);
  const at = timeOf(query);
  if (at === null) return null;
  const then = events.findLast((event) => versionAfter(event) !== null && Date.parse(event.time) <= at);
  const version = (then && versionAfter(then)) ?? 1;
  return version >= last ? null : version;
}

/** The time of `?at=`, in ms; null for none. */
export const timeOf = (query: URLSearchParams): number | null => instant(query.get("at"));

export const nextPhase = (of: Pick<Whole, "phase" | "phases">): string | null => of.phases[of.phases.indexOf(of.phase) + 1] ?? null;

/** What of this contract waits for a person. `known`: the lines of *needs you*, which tell more. */
export function needsOf(of: Whole, questions: readonly api.Question[], known: readonly NeedItem[] | null): readonly NeedItem[] {
  const contract = { id: of.id, name: of.name, phase: of.phase, phases: of.phases, version: of.version };
  const path = `/contracts/${encodeURIComponent(of.id)}`;
  const own = (known ?? []).filter((item) => item.contract.id === of.id);
  if (["created", "completed", "failed", "archived"].includes(of.status)) return [];
  const found: NeedItem[] = questions.filter((one) => one.status === "open").map((one) => own.find((item) => item.question?.id === one.id) ?? {
    kind: "question", since: one.asked_at, contract, question: { id: one.id, question: one.question, question_type: one.question_type, options: one.options }, act: { method: "POST", path: `${path}/questions/${encodeURIComponent(one.id)}/answer`, body: {} },
  });
  const next = nextPhase(of);
  if (of.waiting_for === "phase_confirmation" && of.status === "waiting_for_input" && next !== null) {
    const deliverables = of.deliverables.filter((one) => one.phase === of.phase && one.completed);
    found.push({ kind: "phase_confirmation", since: of.status_changed_at, contract, next_phase: next, deliverables, act: { method: "POST", path: `${path}/phase`, body: { phase: next, confirmed: true } } });
  }
  if (of.status === "blocked") found.push({ kind: "blocked", since: of.status_changed_at, contract, reason: of.blocked_reason, act: { method: "POST", path: `${path}/unblock`, body: {} } });
  found.push(...own.filter((item) => item.kind === "unrecoverable"));
  return found;
}

export interface Move {
  readonly name: string; // of the path: `pause`
  readonly word: string;
  readonly done: string;
  readonly main: boolean; // what is most likely wanted
  readonly asks?: string; // it is asked before, with what it does
}

const RUNNING: readonly ContractStatus[] = ["active", "waiting_for_input"];
const MOVES: readonly (readonly [from: readonly ContractStatus[], Move])[] = [
  [["created"], { name: "start", word: "Start", done: "Started.", main: true }],
  [["paused"], { name: "resume", word: "Resume", done: "Resumed.", main: true }],
  [["blocked"], { name: "unblock", word: "Unblock", done: "Unblocked.", main: true }],
  [["created", ...RUNNING, "blocked"], { name: "pause", word: "Pause", done: "Paused.", main: false }],
  [["completed", "failed"], { name: "reopen", word: "Reopen", done: "Reopened.", main: false }],
  [["completed", "failed"], { name: "archive", word: "Archive", done: "Archived.", main: false }],
  [["created", ...RUNNING, "completing", "paused", "blocked"], { name: "fail", word: "Fail", done: "Failed.", main: false, asks: "It ends as failed: its agents are told to stop and no task is given out any more. It can be reopened." }],
];

/** What can be asked of a contract in this status; what the token may not do is left out. */
export function movesOf(status: ContractStatus, may: (operation: string) => boolean): readonly Move[] {
  return MOVES.filter(([from, move]) => from.includes(status) && may(`POST /contracts/{contract_id}/${move.name}`)).map(([, move]) => move);
}

/** True where a phase can be changed at all. */
export const canAdvance = (status: ContractStatus): boolean => RUNNING.includes(status);

/** The heading of the gate. */
export function whyHeading(of: Whole): string {
  const next = nextPhase(of);
  if (of.status === "created") return "Why it has not started";
  if (["completed", "failed", "archived"].includes(of.status)) return `The gate of ${of.phase}, as it ended`;
  return `Why it does not go on to ${next ?? "the end"}`;
}

const SHOWN_ELSEWHERE: ReadonlySet<string> = new Set(["GATE_OPEN", "PHASE_GUARDED", "SWITCHED_OFF", "QUESTION_OPEN", "BLOCKED", "FAILED"]);

/** The reasons of `/health` that neither the head, the gate's tree nor *waits for you* shows. */
export const beside = <Reason extends { readonly code: string }>(reasons: readonly Reason[]): readonly Reason[] => reasons.filter((reason) => !SHOWN_ELSEWHERE.has(reason.code));

/** What the monitor told of it since it was read, until it is read anew. */
export function freshened(of: Whole, row: Row | undefined): Whole {
  if (row === undefined || row.version <= of.version) return of;
  const since = row.status === of.status ? of.status_changed_at : (row.progress_at ?? of.status_changed_at);
  return { ...of, status: row.status, phase: row.phase ?? of.phase, version: row.version, waiting_for: row.waiting_for, stale: row.stale, progress_at: row.progress_at, status_changed_at: since, blocked_reason: row.status === "blocked" ? row.reason : null, failure_reason: row.status === "failed" ? row.reason : null };
}
