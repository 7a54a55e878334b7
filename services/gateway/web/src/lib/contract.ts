/** What the page of a contract needs beside the API's answers: its tasks and questions at a moment of its log, what waits
 * for a person, and which moves there are. Pure. */

import type { ContractStatus, NeedItem, Row } from "./shapes";
import { eventName, type LogEvent } from "./timeline";

export interface Whole {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly contract_type: string;
  readonly owner_id: string;
  readonly status: ContractStatus;
  readonly phase: string;
  readonly phases: readonly string[];
  readonly version: number;
  readonly phase_guard: boolean;
  readonly auto_complete_enabled: boolean;
  readonly deliverables: readonly { readonly phase: string; readonly id: string; readonly name: string; readonly completed: boolean; readonly completed_at: string | null }[];
  readonly waiting_for: string | null;
  readonly blocked_reason: string | null;
  readonly failure_reason: string | null;
  readonly stale: boolean;
  readonly created_at: string;
  readonly status_changed_at: string;
  readonly progress_at: string | null;
  readonly supervisor: { readonly daemon_id: string; readonly state: string; readonly alive: boolean; readonly stuck: boolean; readonly last_heartbeat_at: string | null; readonly progress: number | null; readonly activity: string | null } | null;
}

export interface Task {
  readonly id: string;
  readonly name: string;
  readonly phase: string;
  readonly role: string | null;
  readonly status: string;
  readonly connection_id: string | null;
  readonly result: string | null;
  readonly updated_at: string;
}

export interface Question {
  readonly id: string;
  readonly question: string;
  readonly question_type: "text" | "choice" | "confirm";
  readonly options: readonly string[];
  readonly status: "open" | "answered";
  readonly answer: string | null;
  readonly asked_at: string;
  readonly answered_at: string | null;
}

export interface Message {
  readonly id: string;
  readonly role: string;
  readonly content: string;
  readonly sent_at: string;
}

export interface Log {
  readonly tasks: readonly Task[]; // without the supervisor's own
  readonly questions: readonly Question[];
  readonly messages: readonly Message[];
  readonly evidence: ReadonlyMap<string, string>; // of `phase deliverable`
  readonly entered: ReadonlyMap<string, string>; // when a phase was entered last
  readonly left: ReadonlyMap<string, string>;
}

const TASK_AFTER: Readonly<Record<string, string>> = { TaskClaimed: "claimed", TaskStarted: "running", TaskReleased: "pending", TaskCompleted: "completed", TaskFailed: "failed" };

const text = (event: LogEvent, member: string): string | null => (typeof event.data[member] === "string" ? (event.data[member] as string) : null);

/** What these events say of what is in a contract. Its state itself is the API's to tell: `?at=`. */
export function fold(events: readonly LogEvent[]): Log {
  const tasks = new Map<string, Task>();
  const questions = new Map<string, Question>();
  const messages: Message[] = [];
  const [evidence, entered, left] = [new Map<string, string>(), new Map<string, string>(), new Map<string, string>()];
  let phase = "";
  for (const event of events) {
    const [name, at] = [eventName(event), event.time];
    const task = tasks.get(text(event, "task_id") ?? "");
    const question = questions.get(text(event, "question_id") ?? "");
    if (name === "ContractCreated") {
      phase = firstPhase(event);
      entered.set(phase, at);
    } else if (name === "PhaseChanged") {
      left.set(phase, at);
      phase = text(event, "to_phase") ?? "";
      entered.set(phase, at);
    } else if (name === "TaskCreated" && event.data["is_supervisor"] !== true) {
      const id = text(event, "task_id") ?? "";
      tasks.set(id, { id, name: text(event, "name") ?? "", phase: text(event, "phase") ?? phase, role: text(event, "role"), status: "pending", connection_id: null, result: null, updated_at: at });
    } else if (task !== undefined && TASK_AFTER[name] !== undefined) {
      const connection = name === "TaskReleased" ? null : (text(event, "connection_id") ?? task.connection_id);
      tasks.set(task.id, { ...task, status: TASK_AFTER[name], connection_id: connection, result: text(event, "result") ?? text(event, "reason") ?? task.result, updated_at: at });
    } else if (name === "QuestionAsked" && question === undefined) {
      const id = text(event, "question_id") ?? "";
      const options = Array.isArray(event.data["options"]) ? event.data["options"].map(String) : [];
      questions.set(id, { id, question: text(event, "question") ?? "", question_type: (text(event, "question_type") ?? "text") as Question["question_type"], options, status: "open", answer: null, asked_at: at, answered_at: null });
    } else if (name === "QuestionAnswered" && question !== undefined) {
      questions.set(question.id, { ...question, status: "answered", answer: text(event, "answer"), answered_at: at });
    } else if (name === "MessageSent") {
      messages.push({ id: text(event, "message_id") ?? String(event.position), role: text(event, "role") ?? "", content: text(event, "content") ?? "", sent_at: at });
    } else if (name === "DeliverableCompleted") {
      evidence.set(`${text(event, "phase") ?? phase} ${text(event, "deliverable_id") ?? ""}`, text(event, "evidence") ?? "");
    }
  }
  return { tasks: [...tasks.values()], questions: [...questions.values()], messages, evidence, entered, left };
}

/** The name of the phase that the contract was made in. */
function firstPhase(created: LogEvent): string {
  const made = created.data["phases"];
  const first: unknown = Array.isArray(made) ? made[0] : null;
  return typeof first === "string" ? first : String((first as { name?: string } | null)?.name ?? "");
}

/** The version that an address means: `?v=29`, or the last one at `?at=` a time; null: now. */
export function versionOf(query: URLSearchParams, events: readonly LogEvent[]): number | null {
  const last = events.at(-1)?.streamversion ?? events.length;
  const v = Number(query.get("v"));
  if (query.get("v") && Number.isInteger(v)) return v >= last ? null : Math.max(1, v);
  const at = query.get("at") ? Date.parse(query.get("at")!) : Number.NaN;
  if (Number.isNaN(at)) return null;
  const index = events.findLastIndex((event) => Date.parse(event.time) <= at);
  return index === events.length - 1 ? null : Math.max(1, index + 1);
}

export const nextPhase = (of: Pick<Whole, "phase" | "phases">): string | null => of.phases[of.phases.indexOf(of.phase) + 1] ?? null;

/** What of this contract waits for a person. `known`: the lines of *needs you*, which tell more. */
export function needsOf(of: Whole, questions: readonly Question[], known: readonly NeedItem[] | null): readonly NeedItem[] {
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
