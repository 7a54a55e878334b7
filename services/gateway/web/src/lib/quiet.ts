/** Expected quiet: windows of maintenance, in force and planned. Pure. */

import type { MaintenanceWindow } from "./api.types";
import { future, instant, moment } from "./format";

/** What a window may be of: all of them where it is null. */
export interface Covered {
  readonly contract: string;
  readonly owner: string | null; // null: not known yet, or nobody's; so is the next one
  readonly daemon: string | null;
}

/** Those that are about it, in the order given. */
export function about(windows: readonly MaintenanceWindow[], of: Covered | null): readonly MaintenanceWindow[] {
  if (of === null) return windows;
  const scopes = new Set(["all", `contract:${of.contract}`, `owner:${of.owner ?? ""}`, `daemon:${of.daemon ?? ""}`]);
  return windows.filter((window) => scopes.has(window.scope));
}

/** `2026-11-28 02:00 – 02:30`; the day of its end only where that is another one. */
export function period(window: MaintenanceWindow): string {
  const [from, to] = [window.started_at, window.until].map((at) => moment(instant(at) ?? 0).slice(0, 16)) as [string, string];
  return `${from} – ${from.slice(0, 10) === to.slice(0, 10) ? to.slice(11) : to}`;
}

/** `starts in 16 h 01`, `ends in 12 min`; by the server's clock `now`. */
export function turns(window: MaintenanceWindow, now: number): string {
  const [word, at] = window.planned ? ["starts", window.started_at] : ["ends", window.until];
  return `${word} ${future(((instant(at) ?? 0) - now) / 1000)}`;
}

export const whose = (scope: string): string => (scope === "all" ? "everybody" : scope.replace(":", " "));
