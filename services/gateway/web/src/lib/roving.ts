/** Rows with one tab stop: where a key leads. Pure. */

const PAGE = 15; // rows

/** The row that a key leads to from `at`, of `count`; null: it leads nowhere. */
export function stepOf(key: string, at: number, count: number): number | null {
  const steps: Readonly<Record<string, number>> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: count - 1, PageDown: at + PAGE, PageUp: at - PAGE };
  return Object.hasOwn(steps, key) ? Math.max(0, Math.min(count - 1, steps[key]!)) : null;
}
