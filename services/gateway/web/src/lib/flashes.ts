/** Which of the cells that changed may flash. Pure. */

export const FLASH_MS = 1400; // --flash
const MOST_AT_ONCE = 12; // above that everything would flash, which says nothing

/** Cells that change in the same paint flash all, or none if too many would flash at once. */
export class Flashes<Cell> {
  private changed = new Set<Cell>();
  private until: readonly number[] = []; // of those that flash

  /** `flash`: begins it. `painted`: runs what it is given once the paint is over. `now`: in ms. */
  constructor(private readonly flash: (cell: Cell) => void, private readonly painted: (done: () => void) => void, private readonly now: () => number) {}

  add(cell: Cell): void {
    if (this.changed.size === 0) this.painted(() => this.begin());
    this.changed.add(cell);
  }

  private begin(): void {
    const [cells, now] = [this.changed, this.now()];
    this.changed = new Set();
    this.until = this.until.filter((end) => end > now);
    if (this.until.length + cells.size > MOST_AT_ONCE) return;
    for (const cell of cells) this.flash(cell);
    this.until = [...this.until, ...Array.from(cells, () => now + FLASH_MS)];
  }
}
