/** What the palette finds: pages and actions, contracts, agents. Pure; each word must be somewhere. */

export interface Choice {
  readonly group: "Go to" | "Do" | "Contracts" | "Agents";
  readonly text: string;
  readonly hint: string; // a key, or a state
  readonly glyph: string;
  readonly href?: string;
  readonly run?: () => void;
  readonly more?: string; // also searched: the id
}

const MOST = { empty: 5, asked: 8 };
const FEW: ReadonlySet<string> = new Set(["Go to", "Do"]); // all of them are shown

/** The choices that match, of contracts and of agents at most 8; nothing asked: 5. In the order in which they are given. */
export function matching(choices: Iterable<Choice>, asked: string): readonly Choice[] {
  const wanted = asked.toLowerCase().split(/\s+/).filter(Boolean);
  const most = wanted.length > 0 ? MOST.asked : MOST.empty;
  const found: Choice[] = [];
  const count: Record<string, number> = {};
  for (const choice of choices) {
    if ((count[choice.group] ?? 0) >= most && !FEW.has(choice.group)) continue;
    const text = `${choice.group} ${choice.text} ${choice.hint} ${choice.more ?? ""}`.toLowerCase();
    if (!wanted.every((word) => text.includes(word))) continue;
    count[choice.group] = (count[choice.group] ?? 0) + 1;
    found.push(choice);
  }
  return found;
}
