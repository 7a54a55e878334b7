import { expect, it } from "vitest";
import { FLASH_MS, Flashes } from "./flashes";

function page() {
  const flashed: number[] = [];
  const world = { at: 0, over: (): void => undefined };
  const flashes = new Flashes<number>((cell) => flashed.push(cell), (done) => (world.over = done), () => world.at);
  return (at: number, cells: number): number => {
    flashed.length = 0;
    world.at = at;
    for (let cell = 0; cell < cells; cell++) flashes.add(cell);
    expect(flashed).toEqual([]);
    world.over();
    world.over = () => undefined;
    return flashed.length;
  };
}

it.each([[1, 1], [12, 12], [13, 0]])("of %i cells that change in a paint %i flash", (changed, flash) => {
  expect(page()(0, changed)).toBe(flash);
});

it("those that flash still count, until they are over", () => {
  const paint = page();
  expect([paint(0, 8), paint(200, 5), paint(400, 4), paint(FLASH_MS - 1, 1), paint(FLASH_MS, 8), paint(FLASH_MS + 1, 1)]).toEqual([8, 0, 4, 0, 8, 0]);
});

it("a cell that changes twice in a paint flashes once", () => {
  const flashed: string[] = [];
  let over = (): void => undefined;
  const flashes = new Flashes<string>((cell) => flashed.push(cell), (done) => (over = done), () => 0);
  flashes.add("one");
  flashes.add("one");
  over();
  expect(flashed).toEqual(["one"]);
});
