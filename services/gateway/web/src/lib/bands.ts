/** What the bands under the bar say of the whole page. Pure. */

import { clock, instant } from "./format";
import type { Tick } from "./shapes";

/** That verdicts are held, until when, and why; null: none is, or it is not known. */
export function heldSentence(tick: Tick | null): string | null {
  if (!tick?.verdicts_held) return null;
  const whose = tick.verdicts_held === 1 ? "of one owner" : `of ${tick.verdicts_held} owners`;
  return `Verdicts are held${heldUntil(tick)}: so many senders ${whose} fell silent within one interval that it is taken for an outage of makima. None of them is declared dead meanwhile; it ends as soon as heartbeats come back.`;
}

/** ` until 10:02:12 UTC at the latest`; nothing where it is not known. */
export function heldUntil(tick: Tick): string {
  const until = instant(tick.verdicts_held_until);
  return until === null ? "" : ` until ${clock(until)} UTC at the latest`;
}

export interface Renewed {
  readonly at: number; // ms since 1970
  readonly reason: string; // the server's
}

/** That the page could not go on where it was. */
export function renewedSentence(renewed: Renewed): string {
  const reason = renewed.reason.charAt(0).toUpperCase() + renewed.reason.slice(1);
  return `${reason}. Everything on this page was read anew at ${clock(renewed.at)} UTC; links with a position may not fit.`;
}
