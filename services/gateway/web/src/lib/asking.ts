/** What stands in a line of *needs you*, and what its buttons do. Pure. */

import { many } from "./format";
import type { NeedItem } from "./shapes";

export interface Button {
  readonly text: string;
  readonly key: string; // 1 … 9, or Enter; empty: none
  readonly primary: boolean;
  readonly body: Readonly<Record<string, unknown>>;
  readonly done: string;
}

export const KIND = {
  question: { word: "Question", glyph: "ask", family: "attn" },
  phase_confirmation: { word: "Confirm", glyph: "gate", family: "attn" },
  blocked: { word: "Blocked", glyph: "stop", family: "attn" },
  unrecoverable: { word: "Revive", glyph: "xbox", family: "danger" },
} as const;

/** True where the contract must be resumed before anybody is restarted in it. */
const resumes = (item: NeedItem): boolean => item.kind === "unrecoverable" && item.act.path.endsWith("/resume");

/** True if what is done changes the contract: then it is held to the version that was seen. */
export const changesContract = (item: NeedItem): boolean => item.kind === "phase_confirmation" || item.kind === "blocked" || resumes(item);

/** The line's text. */
export function asked(item: NeedItem): string {
  switch (item.kind) {
    case "question":
      return item.question?.question ?? "a question";
    case "phase_confirmation":
      return `Phase ${item.contract.phase} is ready. Go on to ${item.next_phase ?? "the end"}?`;
    case "blocked":
      return item.reason ?? "no reason was given";
    case "unrecoverable":
      return `${item.reason ?? "Its restarts are used up. The daemon gave up."}${resumes(item) ? " The contract is paused: resume it first." : ""}`;
  }
}

/** True if the answer is typed. */
export const typed = (item: NeedItem): boolean => item.kind === "question" && item.question?.question_type === "text";

export function buttons(item: NeedItem): readonly Button[] {
  const body = item.act.body;
  switch (item.kind) {
    case "question": {
      if (typed(item)) return [];
      const options = item.question?.options?.length ? item.question.options : ["yes", "no"];
      return options.map((option, index) => ({ text: option, key: index < 9 ? String(index + 1) : "", primary: false, body: { ...body, answer: option }, done: `Answered: ${option}.` }));
    }
    case "phase_confirmation":
      return [{ text: "Confirm", key: "Enter", primary: true, body, done: `Confirmed: ${item.next_phase ?? "the end"}.` }];
    case "blocked":
      return [{ text: "Unblock", key: "", primary: false, body, done: "Unblocked." }];
    case "unrecoverable":
      if (resumes(item)) return [{ text: "Resume", key: "", primary: false, body, done: "Resumed. Now it can be restarted." }];
      return [{ text: "Restart", key: "", primary: false, body, done: "Restart asked for." }];
  }
}

/** What names a line: the same while it waits, whatever else changes. */
export const nameOf = (item: NeedItem): string => [item.kind, item.contract.id, item.question?.id ?? item.agent?.role ?? ""].join(" ");

/** The operation of the API that the line's buttons ask for, as `GET /me` names it. */
export function operationOf(item: Pick<NeedItem, "act">): string {
  const path = item.act.path.replace(/^\/api\/v1/, "").split("/");
  const names: Readonly<Record<string, string>> = { contracts: "{contract_id}", questions: "{question_id}", agents: "{role}", deliverables: "{deliverable_id}" };
  return `${item.act.method} ${path.map((piece, index) => names[path[index - 1] ?? ""] ?? piece).join("/")}`;
}

/** How many agents stand still because of what waits: those of each contract once. */
export function standStill(items: readonly NeedItem[]): number {
  const of = new Map<string, number>();
  for (const item of items) of.set(item.contract.id, Math.max(of.get(item.contract.id) ?? 0, item.holds_up?.agents ?? 0));
  return [...of.values()].reduce((sum, agents) => sum + agents, 0);
}

/** What waits, as it was last seen. */
export interface Waiting {
  readonly items: readonly NeedItem[];
  readonly total: number;
}

/** What to say to whoever cannot see what has come since; empty: nothing has. `known` names what was seen before. */
export function announcement(known: ReadonlySet<string>, before: number, { items, total }: Waiting): string {
  const fresh = items.filter((item) => !known.has(sinceName(item)));
  const all = total === 1 ? "" : ` ${many(total, "thing")} wait for you.`;
  if (fresh.length === 1) return `${KIND[fresh[0]!.kind].word}, ${fresh[0]!.contract.name}: ${asked(fresh[0]!).replace(/[.?]?$/, (end) => end || ".")}${all}`;
  const more = Math.max(fresh.length, total - before); // of a long list only the beginning was read
  return more > 0 ? `${many(more, "new thing")} ${more === 1 ? "waits" : "wait"} for you.` : "";
}

/** Names one wait: the same thing that waits again later is another one. */
export const sinceName = (item: NeedItem): string => `${nameOf(item)} ${item.since}`;
