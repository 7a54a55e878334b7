/** Marks the cell whose text has changed: `<td {@attach flash(row.id, text)}>`. Not at the first paint, not for ages. */

import { Flashes } from "./flashes";

interface Shown {
  readonly id: string;
  readonly text: string;
}

const shown = new WeakMap<Element, Shown>();
const flashes = new Flashes<Element>(begin, (done) => queueMicrotask(done), () => performance.now());

export function flash(id: string, text: string) {
  return (element: Element): void => {
    const before = shown.get(element);
    shown.set(element, { id, text });
    if (before === undefined) return;
    if (before.id !== id) element.classList.remove("flash"); // the cell is another row's now
    else if (before.text !== text) flashes.add(element);
  };
}

/** Begins the animation anew; its end takes the class away, or it would begin again wherever the cell comes back into sight. */
function begin(element: Element): void {
  element.classList.remove("flash");
  void (element as HTMLElement).offsetWidth;
  element.classList.add("flash");
  element.addEventListener("animationend", () => element.classList.remove("flash"), { once: true });
}
