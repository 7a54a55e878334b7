import { expect, test } from "vitest";
import { Elements, keepOrder } from "./order";

const rows = (...ids: string[]) => ids.map((id) => ({ id }));
const kept = (shown: string[], ...wanted: string[]) => {
  const { rows: found, ...counts } = keepOrder(shown, rows(...wanted));
  return { ids: found.map(({ id }) => id), ...counts };
};

test("what is read keeps its place, and what would move is counted", () => {
  expect(kept(["a", "b", "c", "d"], "d", "a", "b", "c")).toEqual({ ids: ["a", "b", "c", "d"], moved: 1, arrived: 0 });
});

test("new rows are counted, not inserted; those that left go", () => {
  expect(kept(["a", "b", "c"], "new", "c", "x", "a")).toEqual({ ids: ["a", "c"], moved: 1, arrived: 2 });
});

test("a row that keeps its place is the newest one of its name", () => {
  const [old, now] = [{ id: "a", version: 1 }, { id: "a", version: 2 }];
  expect(keepOrder([old.id], [now]).rows[0]).toBe(now);
});

test("of 10 000 rows each is looked at once", () => {
  const ids = Array.from({ length: 10_000 }, (_, k) => String(k));
  let looks = 0;
  const counted = ids.toReversed().map((id) => ({ get id() { looks += 1; return id; } }));
  expect(keepOrder(ids, counted).moved).toBe(9999);
  expect(looks).toBe(10_000);
});

test("a row that stays in sight keeps its element, and one that comes takes that of one that left", () => {
  const elements = new Elements();
  expect(elements.of(rows("a", "b", "c"), true)).toEqual([0, 1, 2]);
  expect(elements.of(rows("b", "c", "d"), true)).toEqual([1, 2, 0]);
  expect(elements.of(rows("x", "y", "z"), true)).toEqual([1, 2, 0]);
  expect(elements.of(rows("z"), true)).toEqual([0]);
  expect(elements.of(rows("z", "w"), true)).toEqual([0, 3]);
});

test("while somebody is in the table no element passes from one row to another", () => {
  const elements = new Elements();
  elements.of(rows("a", "b"), true);
  expect(elements.of(rows("b", "c"), false)).toEqual([1, 2]);
});
