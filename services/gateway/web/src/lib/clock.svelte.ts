/** The clock that ages are read from: the server's, once a second, and still while the page is not fresh. */

const still = new URLSearchParams(location.search).has("still");

class Clock {
  now = $state(Date.now());
  running = true; // false: paused, or not fresh; ages say «as of»
  private offset = 0; // the server's clock minus this machine's, in ms

  constructor() {
    if (!still) setInterval(() => this.running && this.set(), 1000);
  }

  /** The server's clock, as a Tick says it. Only a difference that a network cannot make counts. */
  heard(timestamp: string): void {
    const offset = Date.parse(timestamp) - Date.now();
    if (Number.isFinite(offset) && Math.abs(offset - this.offset) > 250) {
      this.offset = offset;
      if (this.running) this.set();
    }
  }

  /** The server's clock at this moment, also where the ages stand still. */
  get exact(): number {
    return Date.now() + this.offset;
  }

  /** Seconds since an instant. */
  since(at: number): number {
    return (this.now - at) / 1000;
  }

  private set(): void {
    this.now = Date.now() + this.offset;
  }
}

export const clock = new Clock();
