/** Marks the cell whose text has changed: `<td {@attach flash(row.id, text)}>`. Not at the first paint, not for ages. */

import { live } from "./live.svelte";

const shown = new WeakMap<Element, string>();

export function flash(id: string, text: string) {
  return (element: Element): void => {
    const before = shown.get(element);
    shown.set(element, text);
    if (before === undefined || before === text || !live.flashing.has(id)) return;
    element.classList.remove("flash");
    void (element as HTMLElement).offsetWidth; // begins the animation anew
    element.classList.add("flash");
  };
}
