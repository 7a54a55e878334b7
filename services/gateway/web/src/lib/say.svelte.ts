/** What the page says to whoever cannot see it, and the one line below left after an action. */

import type { Problem } from "./api";

/** An act that failed, and how it is done again: as it was, or with more in its body. */
export interface Failure {
  readonly problem: Problem;
  readonly act: { readonly method: string; readonly path: string } | null; // null: it cannot be done again from here
  readonly again: ((more: Readonly<Record<string, unknown>>) => void) | null;
}

const DEBOUNCE_MS = 250;
const TOAST_MS = 5000;

class Say {
  polite = $state(""); // role="status": one region for the page
  toast = $state<{ readonly text: string; readonly failed: boolean } | null>(null);
  /** Stays until somebody has dealt with it. */
  failure = $state.raw<Failure | null>(null);
  private later: ReturnType<typeof setTimeout> | null = null;
  private ends: ReturnType<typeof setTimeout> | null = null;

  /** Announce; of several within 250 ms the last one. */
  announce(text: string): void {
    if (this.later !== null) clearTimeout(this.later);
    this.later = setTimeout(() => (this.polite = text), DEBOUNCE_MS);
  }

  /** An act that failed, in place of the sentence that would say that it was done. */
  failed(problem: Problem, act: Failure["act"] = null, again: Failure["again"] = null): void {
    this.toast = null;
    this.failure = { problem, act, again };
  }

  dismiss(): void {
    this.failure = null;
  }

  /** One sentence about what was done, or what failed (`role="alert"`). */
  done(text: string, failed = false): void {
    this.toast = { text, failed };
    if (this.ends !== null) clearTimeout(this.ends);
    this.ends = setTimeout(() => (this.toast = null), TOAST_MS);
  }
}

export const say = new Say();

/** Put text on the clipboard; false where the browser does not let the page. */
export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** Copy a command, and say so; where the browser does not let the page, show it. */
export async function copyCommand(command: string): Promise<void> {
  say.done((await copy(command)) ? `Copied: ${command}` : command);
}
