/** The deadlines in force, in seconds: they colour the ages. The page has none of its own; until they are read, the
 * defaults of the documentation stand in. */

import { Problem } from "./api";
import { api } from "./session.svelte";

const NAMES = {
  supervisorTimeout: "heartbeat_timeout_seconds",
  agentTimeout: "agent_timeout_seconds",
  stuckAfter: "stuck_after_seconds",
  staleAfter: "stale_threshold_minutes",
  restartTimeout: "restart_timeout_seconds",
  heartbeatInterval: "heartbeat_interval_seconds",
} as const;
const SECONDS: Readonly<Record<string, number>> = { seconds: 1, minutes: 60, hours: 3600 };

class Thresholds {
  supervisorTimeout = $state(120);
  agentTimeout = $state(90);
  stuckAfter = $state(600);
  staleAfter = $state(1800);
  restartTimeout = $state(60);
  heartbeatInterval = $state(30);
  known = $state(false);

  async begin(): Promise<void> {
    try {
      const { thresholds } = await api.get<{ thresholds: Readonly<Record<string, { readonly value: number; readonly unit: string }>> }>("/system/thresholds");
      for (const [own, name] of Object.entries(NAMES)) {
        const found = thresholds[name];
        if (found !== undefined) this[own as keyof typeof NAMES] = found.value * (SECONDS[found.unit] ?? 1);
      }
      this.known = true;
    } catch (error) {
      if (!(error instanceof Problem)) throw error; // a server of before has none: the defaults
    }
  }
}

export const thresholds = new Thresholds();
