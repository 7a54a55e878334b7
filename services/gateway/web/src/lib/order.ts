/** Rows do not run away: while somebody reads a table its order stands still, and what would move is counted. */

export interface Kept {
  readonly ids: readonly string[]; // what to show
  readonly moved: number; // how many of them belong elsewhere by now
  readonly arrived: number; // how many are not shown yet
}

/** The order of `shown` with those taken out that left. Nothing shown yet: the wanted order. */
export function keepOrder(shown: readonly string[], wanted: readonly string[]): Kept {
  const place = new Map(wanted.map((id, index) => [id, index]));
  const ids = shown.filter((id) => place.has(id));
  const places = ids.map((id) => place.get(id)!);
  return { ids, moved: ids.length - longestRising(places), arrived: wanted.length - ids.length };
}

/** The length of the longest rising subsequence: those that need not move. */
function longestRising(values: readonly number[]): number {
  const tails: number[] = [];
  for (const value of values) {
    let [low, high] = [0, tails.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (tails[middle]! < value) low = middle + 1;
      else high = middle;
    }
    tails[low] = value;
  }
  return tails.length;
}
