/** Writes: the button is disabled until the answer, then one sentence says what happened. The row changes when the log
 * says so, never before. */

import { newKey, Problem } from "./api";
import { clock } from "./clock.svelte";
import { contractOf, type LastAct, lastActOf } from "./last_act";
import { say } from "./say.svelte";
import { api, session } from "./session.svelte";

export interface Act {
  readonly method: string;
  readonly path: string; // of the API: `/contracts/{id}/pause`
  readonly body?: unknown;
  readonly version?: number; // that it was decided on: If-Match
  readonly done: string; // the sentence when it was done: “Paused.”
}

const KEPT = "makima-last-act";

class Done {
  private kept = $state.raw<string | null>(read());

  /** The last thing that was done here with this token. */
  readonly last = $derived<LastAct | null>(lastActOf(this.kept, session.me?.token_id));

  keep(act: Act): void {
    if (!session.me) return;
    const { token_id: by } = session.me;
    this.kept = JSON.stringify({ text: act.done, contract: contractOf(act.path), at: clock.exact, by } satisfies LastAct);
    try {
      localStorage.setItem(KEPT, this.kept);
    } catch {
      // it holds for this visit
    }
  }
}

function read(): string | null {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

export const done = new Done();

export class Acting {
  busy = $state(false);
  problem = $state.raw<Problem | null>(null);
  private key = newKey();
  private last = "";

  /** True if it was done. A repeat of the same act after an outage goes under the same key: it cannot happen twice. */
  async run(act: Act): Promise<boolean> {
    if (this.busy) return false;
    const same = JSON.stringify([act.method, act.path, act.body ?? null, act.version ?? null]);
    if (same !== this.last || !this.problem?.unsure) this.key = newKey();
    this.last = same;
    this.busy = true;
    this.problem = null;
    say.dismiss(); // of what failed before
    try {
      await api.write(act.method, act.path, { body: act.body, version: act.version, key: this.key });
      say.done(act.done);
      done.keep(act);
      return true;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.problem = error;
      say.failed(error, act, (more) => void this.run(Object.keys(more).length === 0 ? act : { ...act, body: { ...(act.body as object), ...more } }));
      return false;
    } finally {
      this.busy = false;
    }
  }
}
