/** Rows do not run away: while somebody reads a table its order stands still, and what would move is counted. */

/** The context of what stands in a list with one tab stop. */
export const IN_A_LIST = Symbol("in a list");

interface Named {
  readonly id: string;
}

export interface Kept<Item> {
  readonly rows: readonly Item[]; // what to show
  readonly moved: number; // how many of them belong elsewhere by now
  readonly arrived: number; // how many are not shown yet
}

/** The rows of `wanted` in the order of `shown`, without those that left. */
export function keepOrder<Item extends Named>(shown: readonly string[], wanted: readonly Item[]): Kept<Item> {
  const place = new Map(wanted.map((item, index) => [item.id, index]));
  const places: number[] = [];
  for (const id of shown) {
    const at = place.get(id);
    if (at !== undefined) places.push(at);
  }
  return { rows: places.map((at) => wanted[at]!), moved: places.length - longestRising(places), arrived: wanted.length - places.length };
}

/** The length of the longest rising subsequence: those that need not move. */
function longestRising(values: readonly number[]): number {
  const tails: number[] = [];
  for (const value of values) {
    let [low, high] = [0, tails.length];
    if (value > (tails[high - 1] ?? -1)) low = high; // most are where they belong
    while (low < high) {
      const middle = (low + high) >> 1;
      if (tails[middle]! < value) low = middle + 1;
      else high = middle;
    }
    tails[low] = value;
  }
  return tails.length;
}

/** Which element shows which row: who stays in sight keeps its own, who comes gets that of one who left. */
export class Elements {
  private held = new Map<string, number>(); // id → the number of its element
  private made = 0;

  /** The numbers for the rows in sight. `reuse` false: who comes gets a new one, so that no focus passes to another row. */
  of(rows: readonly Named[], reuse: boolean): readonly number[] {
    const left = new Map(this.held);
    for (const { id } of rows) left.delete(id);
    const free = reuse ? [...left.values()] : [];
    let taken = 0;
    this.held = new Map(rows.map(({ id }) => [id, this.held.get(id) ?? free[taken++] ?? this.made++]));
    return [...this.held.values()];
  }
}
