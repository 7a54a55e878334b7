/** What no event tells of is read anew from time to time: while the page is looked at, and only then. */

export interface Looked {
  readonly hidden: boolean; // the tab is in the background
  addEventListener(type: "visibilitychange", heard: () => void): void;
  removeEventListener(type: "visibilitychange", heard: () => void): void;
}

/** Calls `read` each `period` ms while `looked` is not hidden, and at once when it is shown again after longer than that;
 * `read` was called last when this begins. Answers what ends it. */
export function periodically(read: () => void, period: number, looked: Looked = document): () => void {
  let last = Date.now();
  let timer: ReturnType<typeof setTimeout> | null = null;
  const next = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = looked.hidden ? null : setTimeout(due, Math.max(0, period - (Date.now() - last)));
  };
  function due(): void {
    last = Date.now();
    read();
    next();
  }
  looked.addEventListener("visibilitychange", next);
  next();
  return () => {
    looked.removeEventListener("visibilitychange", next);
    if (timer !== null) clearTimeout(timer);
  };
}
