/** Marks the cell whose text has changed: `<td {@attach flash(row.id, text)}>`. Not at the first paint, not for ages. */

import { live } from "./live.svelte";

interface Shown {
  readonly id: string;
  readonly text: string;
}

const shown = new WeakMap<Element, Shown>();

export function flash(id: string, text: string) {
  return (element: Element): void => {
    const before = shown.get(element);
    shown.set(element, { id, text });
    if (before === undefined) return;
    if (before.id !== id) element.classList.remove("flash"); // the cell is another row's now
    else if (before.text !== text && live.flashing.has(id)) again(element as HTMLElement);
  };
}

/** Begins the animation anew. */
function again(element: HTMLElement): void {
  element.classList.remove("flash");
  void element.offsetWidth;
  element.classList.add("flash");
}
