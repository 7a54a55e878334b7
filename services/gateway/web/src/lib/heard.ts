/** The newest heartbeat of each agent in sight, as the socket told it: liveness has no events in the log. */

import { agentKey } from "./agents";
import type { Message } from "./shapes";

export interface Beat {
  readonly at: string;
  readonly activity: string | null;
  readonly progress: number | null;
}

/** A sender as it was read. */
interface Read {
  readonly last_heartbeat_at?: string | null;
  readonly activity?: string | null;
  readonly progress?: number | null;
}

const MOST = 4000; // agents; the oldest are forgotten

export class Heard {
  private readonly held = new Map<string, Beat>();
  /** True if one came since it was last set to false. */
  fresh = false;

  /** A value never goes back: an older beat than the known one is passed over. */
  take(message: Message & { readonly type: "Heartbeat" }): void {
    if (message.timestamp === null) return;
    const key = agentKey(message.contract_id, message.role ?? "supervisor");
    const known = this.held.get(key);
    if (known !== undefined && Date.parse(known.at) >= Date.parse(message.timestamp)) return;
    this.held.delete(key);
    this.held.set(key, { at: message.timestamp, activity: message.activity, progress: message.progress });
    this.fresh = true;
    if (this.held.size > MOST) this.held.delete(this.held.keys().next().value!);
  }

  get(contract: string, role: string): Beat | undefined {
    return this.held.get(agentKey(contract, role));
  }

  /** When it was heard last: by what was read, or by the socket since. */
  at(contract: string, role: string, read: string | null | undefined): string | null {
    const beat = this.get(contract, role);
    if (beat === undefined) return read ?? null;
    return read && Date.parse(read) > Date.parse(beat.at) ? read : beat.at;
  }

  /** What it said last: as it was read, or to the socket since. */
  newest(contract: string, role: string, read: Read): Omit<Beat, "at"> & { readonly at: string | null } {
    const [at, beat] = [this.at(contract, role, read.last_heartbeat_at), this.get(contract, role)];
    return beat !== undefined && beat.at === at ? beat : { at, activity: read.activity ?? null, progress: read.progress ?? null };
  }

  clear(): void {
    this.held.clear();
  }
}
