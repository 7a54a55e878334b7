/** What `GET /system` answers, and how the system page writes it. Pure. */

import type { ServiceView as Service, System, Threshold } from "./api.types";
import { count, many, threshold } from "./format";
import { marked, type Words } from "./headline";

export type { System } from "./api.types";

/** “All 5 services are ready. 2 messages were set aside.”; `aside` null: not known to this reader. */
export function systemSentence(services: readonly Service[], aside: number | null, more = false): readonly Words[] {
  const away = services.filter((service) => !service.ready).length;
  const first =
    services.length === 0 ? "No service has told how it is." : away === 0 ? `**All ${many(services.length, "service")}** are ready.` : `**${many(away, "service")}** of ${services.length} ${away === 1 ? "is" : "are"} not ready.`;
  if (aside === null) return marked(first);
  if (aside === 0) return marked(`${first} Nothing was set aside.`);
  return marked(`${first} **${more ? `More than ${many(aside, "message")}` : many(aside, "message")}** ${aside === 1 ? "was" : "were"} set aside.`);
}

/** How far the slowest of a service is behind, in events; null: not known. */
export function behind(service: Service): number | null {
  const known = service.replicas.flatMap((replica) => Object.values(replica.lag_events));
  return known.length === 0 ? null : Math.max(...known);
}

/** The start of the youngest process: since then all are up. */
export function upSince(service: Service): string | null {
  return service.replicas.map((replica) => replica.since).sort().at(-1) ?? null;
}

/** What its processes say is wrong, the worst first, each once. */
export function says(service: Service): readonly string[] {
  const all = (["failing", "shared", "warnings"] as const).flatMap((kind) => service.replicas.flatMap((replica) => Object.entries(replica[kind])));
  return [...new Set(all.map(([name, why]) => (why ? `${name.replaceAll("_", " ")}: ${why}` : name.replaceAll("_", " "))))];
}

const NAMED: readonly (readonly [string, string])[] = [
  ["heartbeat_interval_seconds", "Heartbeat every"],
  ["agent_timeout_seconds", "Agent dead after"],
  ["heartbeat_timeout_seconds", "Supervisor, daemon after"],
  ["reconnect_grace_seconds", "Grace after a reconnect"],
  ["stuck_after_seconds", "Stuck after"],
  ["stale_threshold_minutes", "Stale after"],
  ["restart_timeout_seconds", "Restart takes at most"],
  ["quiet_max_seconds", "Quiet at most"],
  ["task_claimed_timeout_seconds", "Task claimed too long"],
  ["task_pending_timeout_seconds", "Task pending too long"],
  ["agent_grace_hours", "Hidden after dead for"],
];
const SECONDS: Readonly<Record<string, number>> = { seconds: 1, minutes: 60, hours: 3600 };

/** Names, values and who set them: those that decide about agents first, all others after them. */
export function thresholdLines(thresholds: System["thresholds"]): readonly (readonly [name: string, value: string, setBy: string])[] {
  const known = NAMED.map(([key]) => key);
  const rest = Object.keys(thresholds).filter((key) => !known.includes(key)).map((key) => [key, plain(key)] as const);
  return [...NAMED, ...rest].flatMap(([key, word]) => {
    const found = thresholds[key];
    return found === undefined ? [] : [[word, written(found), found.set_by] as const];
  });
}

function written(of: Threshold): string {
  const seconds = SECONDS[of.unit];
  if (seconds === undefined) return `${count(of.value)} ${of.unit === "gib" ? "GiB" : of.unit}`;
  const value = of.value * seconds;
  return Number.isInteger(value) ? threshold(value) : `${value} s`;
}

function plain(key: string): string {
  const words = key.replace(/_(seconds|minutes|hours|gib)$/, "").replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
