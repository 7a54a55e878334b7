/** The sentence that sums a page up and changes with it; **what counts** is strong. */

import { many } from "./format";

export interface Summary {
  readonly contracts: number;
  readonly atWork: number; // active or completing
  readonly needs: number | null; // null: not known; then nothing is said of it
  readonly agents: number | null; // that are not offline; null: not known, like the next two
  readonly dead: number; // of these, with those beyond revival
  readonly beyond: number;
  readonly starting?: boolean; // a demo fleet of which nobody has joined yet
}

export interface Words {
  readonly text: string;
  readonly strong: boolean;
}

/** “5 things wait for you. 3 agents are dead, one of them beyond revival; 33 of 40 are alive.” */
export function overview(of: Summary): readonly Words[] {
  if (of.starting) return marked(`The demo fleet is starting${of.contracts === 0 ? "" : `; ${many(of.contracts, "contract")} ${of.contracts === 1 ? "waits" : "wait"} for its agents`}.`);
  if (of.contracts === 0 && !of.agents) return marked("No contracts yet.");
  const waits = of.needs === null ? "" : of.needs === 0 ? "Nothing waits for you. " : `**${many(of.needs, "thing")}** ${of.needs === 1 ? "waits" : "wait"} for you. `;
  const work = `${many(of.atWork, "contract")} ${of.atWork === 1 ? "is" : "are"} at work.`;
  if (of.agents === null) return marked(`${waits}${work}`);
  if (of.agents === 0) return marked(`${waits}No agent has joined; ${work}`);
  if (of.dead === 0) return marked(`${waits}${of.agents === 1 ? "**The one agent** is" : `**All ${many(of.agents, "agent")}** are`} alive; ${work}`);
  const beyond = of.beyond === 0 ? "" : of.dead === 1 ? ", beyond revival" : `, ${of.beyond === of.dead ? "all" : of.beyond === 1 ? "one" : String(of.beyond)} of them beyond revival`;
  return marked(`${waits}**${many(of.dead, "agent")}** ${of.dead === 1 ? "is" : "are"} dead${beyond}; **${of.agents - of.dead} of ${of.agents}** are alive.`);
}

/** `**strong**` and the rest. */
export function marked(text: string): readonly Words[] {
  return text.split("**").map((piece, index) => ({ text: piece, strong: index % 2 === 1 })).filter((piece) => piece.text !== "");
}
