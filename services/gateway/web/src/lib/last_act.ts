/** The last thing that the reader did here, as the browser keeps it. Pure. */

export interface LastAct {
  readonly text: string; // what the page said: “Answered: green.”
  readonly contract: string | null; // of which; null: of none
  readonly at: number; // ms since 1970, by the server's clock
  readonly by: string; // the token; whoever signs in with another one did not do it
}

/** The contract that a path of the API is about; null: none, or many. */
export function contractOf(path: string): string | null {
  const id = /^(?:\/api\/v1)?\/contracts\/([^/?]+)/.exec(path)?.[1];
  return id === undefined || id === "batch" ? null : decodeURIComponent(id);
}

/** It as it was kept; null for what is none, or somebody else's. */
export function lastActOf(kept: string | null, by: string | undefined): LastAct | null {
  try {
    const found = JSON.parse(kept ?? "null") as Partial<LastAct> | null;
    const whole = typeof found?.text === "string" && typeof found.at === "number" && (found.contract === null || typeof found.contract === "string");
    return whole && found.by === by ? (found as LastAct) : null;
  } catch {
    return null;
  }
}
