/** One key each, and `g x`. They can be switched off (WCAG 2.1.4); Ctrl K and Esc remain, and the arrows within a list.
 * Who has a handler of its own for such a key asks `takes` first. */

export type Bindings = Readonly<Record<string, (event: KeyboardEvent) => void>>;

const CHORD_MS = 1200;

class Keys {
  on = $state(stored());
  private layers: Bindings[] = []; // the innermost last: it is asked first
  private chord = 0; // when `g` was pressed

  constructor() {
    document.addEventListener("keydown", (event) => this.pressed(event));
  }

  switch(on: boolean): void {
    this.on = on;
    try {
      localStorage.setItem("keys", on ? "on" : "off");
    } catch {
      // it holds for this visit
    }
  }

  /** Bind keys while a component lives: `$effect(() => keys.bind({ n: next, "g o": overview }))`. */
  bind(bindings: Bindings): () => void {
    this.layers.push(bindings);
    return () => (this.layers = this.layers.filter((layer) => layer !== bindings));
  }

  /** True if the page may take it as a single key: they are switched on, and it is neither combined nor typed. */
  takes(event: KeyboardEvent): boolean {
    return this.on && isAlone(event) && !isField(event.target);
  }

  private pressed(event: KeyboardEvent): void {
    if (event.defaultPrevented || event.isComposing) return;
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k" && !event.altKey) return this.run("Ctrl K", event);
    if (!this.takes(event) && !(event.key === "Escape" && isAlone(event))) return;
    if (event.key === "g") {
      this.chord = event.timeStamp;
      return;
    }
    const chord = this.chord > 0 && event.timeStamp - this.chord < CHORD_MS;
    this.chord = 0;
    this.run(chord ? `g ${event.key}` : event.key, event);
  }

  private run(name: string, event: KeyboardEvent): void {
    const found = this.layers.findLast((layer) => name in layer);
    if (found === undefined) return;
    if (name === "Ctrl K" || name === "/" || name.startsWith("Arrow")) event.preventDefault();
    found[name]!(event);
  }
}

/** Neither combined with another key, nor for a dialog that is open, nor taken already. */
function isAlone(event: KeyboardEvent): boolean {
  return !event.ctrlKey && !event.metaKey && !event.altKey && !event.defaultPrevented && !event.isComposing && document.querySelector("dialog[open]") === null;
}

function isField(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (/^(TEXTAREA|SELECT)$/.test(target.tagName) || (target instanceof HTMLInputElement && !["checkbox", "range", "button"].includes(target.type)));
}

function stored(): boolean {
  try {
    return localStorage.getItem("keys") !== "off";
  } catch {
    return true;
  }
}

export const keys = new Keys();
