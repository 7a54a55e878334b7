/** One sentence for each event of the monitor. Pieces in `**` are strong; what agents wrote is escaped by who shows it. */

import { age, words } from "./format";
import type { ContractStatus, MonitorEvent } from "./shapes";
import { AGENT, CONTRACT } from "./words";

const text = (event: MonitorEvent, member: string): string => {
  const value = event[member];
  return typeof value === "string" || typeof value === "number" ? String(value).replaceAll("**", "* *") : "";
};

export function sentenceOf(event: MonitorEvent): string {
  const of = (member: string): string => text(event, member);
  switch (event.type) {
    case "StatusChanged":
      return `${words(of("old_status")) || "new"} → **${words(of("new_status")) || "deleted"}**${of("reason") ? `: ${of("reason")}` : ""}`;
    case "PhaseChanged":
      return `phase ${of("old_phase")} → **${of("new_phase")}**`;
    case "SupervisorStateChanged":
      return `supervisor ${words(of("old_state")) || "new"} → ${words(of("new_state"))}`;
    case "StaleDetected":
      return `**stale**, silent for ${age(Number(event["stale_duration"] ?? 0))}`;
    case "StaleCleared":
      return "no longer stale";
    case "TaskCompleted":
      return `task ${event["success"] === false ? "**failed**" : "completed"}: ${of("task_name")}`;
    case "DeliverableCompleted":
      return `deliverable ${of("deliverable_id")}`;
    case "QuestionAsked":
      return `**asks**: ${of("question")}`;
    case "QuestionAnswered":
      return `answered${of("answer") ? `: ${of("answer")}` : ""}`;
    case "AgentStatusChanged":
      return `${of("role")} ${AGENT[of("old_status") as keyof typeof AGENT]?.word ?? "joins"} → **${AGENT[of("new_status") as keyof typeof AGENT]?.word ?? of("new_status")}**`;
    case "AgentStuck":
      return `${of("role")} is **stuck**`;
    case "AgentProgressed":
      return `${of("role")} moves again`;
  }
}

/** The glyph and the colour of an event. */
export function markOf(event: MonitorEvent): readonly [glyph: string, family: string] {
  switch (event.type) {
    case "StatusChanged": {
      const look = CONTRACT[event["new_status"] as ContractStatus];
      return look ? [look.glyph, look.family.split(" ")[0]!] : ["minus", ""];
    }
    case "AgentStatusChanged": {
      const look = AGENT[event["new_status"] as keyof typeof AGENT];
      return look ? [look.glyph, look.family.startsWith("final") ? "danger" : look.family.split(" ")[0]!] : ["minus", ""];
    }
    case "PhaseChanged":
      return ["go", "alive"];
    case "StaleDetected":
      return ["late", "attn"];
    case "AgentStuck":
      return ["glass", "attn"];
    case "TaskCompleted":
      return event["success"] === false ? ["x", "danger"] : ["check", ""];
    case "QuestionAsked":
      return ["ask", "attn"];
    case "SupervisorStateChanged":
      return event["new_state"] === "interrupted" ? ["x", "danger"] : ["minus", ""];
    default:
      return ["check", ""];
  }
}
