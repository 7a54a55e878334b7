import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Looked, periodically } from "./period";

class Tab extends EventTarget implements Looked {
  hidden = false;

  turn(hidden: boolean): void {
    this.hidden = hidden;
    this.dispatchEvent(new Event("visibilitychange"));
  }
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("it is read once a period, and never while the tab is hidden", () => {
  const [tab, read] = [new Tab(), vi.fn()];
  const ends = periodically(read, 15_000, tab);
  vi.advanceTimersByTime(14_999);
  expect(read).not.toHaveBeenCalled();
  vi.advanceTimersByTime(30_001);
  expect(read).toHaveBeenCalledTimes(3);
  tab.turn(true);
  vi.advanceTimersByTime(600_000);
  expect(read).toHaveBeenCalledTimes(3);
  tab.turn(false);
  vi.advanceTimersByTime(0);
  expect(read).toHaveBeenCalledTimes(4); // it is long out of date
  ends();
  tab.turn(true);
  tab.turn(false);
  vi.advanceTimersByTime(600_000);
  expect(read).toHaveBeenCalledTimes(4);
});

test("a tab that was away for less than a period reads when the period is over", () => {
  const [tab, read] = [new Tab(), vi.fn()];
  periodically(read, 15_000, tab);
  vi.advanceTimersByTime(5_000);
  tab.turn(true);
  vi.advanceTimersByTime(5_000);
  tab.turn(false);
  vi.advanceTimersByTime(4_999);
  expect(read).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(read).toHaveBeenCalledOnce();
});
