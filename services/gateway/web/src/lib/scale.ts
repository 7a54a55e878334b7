/**
 * Compressed time: linear up to 8 s between two events, logarithmic beyond, so that a night takes no more room
 * than a thought. Positions are of a row of instants; between two of them time is drawn evenly.
 */

export const LINEAR_SECONDS = 8;
const STEP = 2.2; // what each doubling beyond adds, in seconds of linear time

/** How much room a wait takes, in seconds of linear time. */
export function room(seconds: number): number {
  const s = Math.max(0, seconds);
  return s <= LINEAR_SECONDS ? s : LINEAR_SECONDS + STEP * Math.log2(s / LINEAR_SECONDS);
}

export interface Gap {
  readonly from: number; // x where it begins
  readonly to: number;
  readonly seconds: number; // how long it was
}

export interface Scale {
  /** x of the event with this index. */
  readonly x: readonly number[];
  /** The right edge: what is now. */
  readonly end: number;
  /** The waits that are compressed: they are shaded and carry their length. */
  readonly gaps: readonly Gap[];
  /** x of any instant (milliseconds); before the first or after the last event: at the edge. */
  at(instant: number): number;
  /** The event that is nearest to x. */
  nearest(x: number): number;
}

const TAIL = 4; // room after the last event, in seconds of linear time

/** The scale of `instants` (milliseconds, ascending) between `left` and `right`. */
export function compressed(instants: readonly number[], left: number, right: number): Scale {
  const linear: number[] = [];
  instants.forEach((at, index) => {
    const before = instants[index - 1];
    linear.push(before === undefined ? 0 : linear[index - 1]! + room((at - before) / 1000));
  });
  const factor = (right - left) / ((linear.at(-1) ?? 0) + TAIL);
  const x = linear.map((value) => left + value * factor);
  const gaps = instants.flatMap((at, index) => {
    const seconds = index === 0 ? 0 : (at - instants[index - 1]!) / 1000;
    return seconds > LINEAR_SECONDS ? [{ from: x[index - 1]!, to: x[index]!, seconds }] : [];
  });
  return { x, end: right, gaps, at: (instant) => between(instants, x, instant, left, right), nearest: (where) => nearest(x, where) };
}

function between(instants: readonly number[], x: readonly number[], instant: number, left: number, right: number): number {
  const next = instants.findIndex((at) => at >= instant);
  if (next === -1) return instants.length === 0 ? left : right;
  if (next === 0) return x[0] ?? left;
  const [from, to] = [instants[next - 1]!, instants[next]!];
  const share = to === from ? 1 : (instant - from) / (to - from);
  return x[next - 1]! + share * (x[next]! - x[next - 1]!);
}

function nearest(x: readonly number[], where: number): number {
  let best = 0;
  x.forEach((value, index) => {
    if (Math.abs(value - where) < Math.abs(x[best]! - where)) best = index;
  });
  return best;
}
