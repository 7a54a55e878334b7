/** What waits for a person: the overview's first list, the number in the bar, in the tab and in the icon. */

import { live } from "./live.svelte";
import { Resource } from "./resource.svelte";
import type { MonitorEvent, NeedItem, Page } from "./shapes";

const CHANGES = new Set(["StatusChanged", "QuestionAsked", "QuestionAnswered", "PhaseChanged", "AgentStatusChanged"]);

class Needs {
  private resource = $state.raw<Resource<Page<NeedItem>> | null>(null);
  readonly items = $derived(this.resource?.body?.items ?? null);
  /** 0 also while it is not known: `items` is null then. */
  readonly count = $derived(this.resource?.body?.total ?? this.items?.length ?? 0);
  readonly error = $derived(this.resource?.error ?? null);

  /** Call it once, in a component that lives as long as the page. */
  begin(): void {
    this.resource = new Resource<Page<NeedItem>>(() => (live.complete ? "/needs-you?order=since" : null), (event: MonitorEvent) => CHANGES.has(event.type));
  }

  /** The overview brings the oldest question into focus: it is answered there by its keys. */
  answering = $state(false);

  again(): void {
    this.resource?.again();
  }
}

export const needs = new Needs();

/** The next line that waits for a person gets the focus, after the last one the first; false if there is none on the page. */
export function focusNext(): boolean {
  const lines = [...document.querySelectorAll<HTMLElement>("[data-need]")];
  const at = lines.findIndex((line) => line.contains(document.activeElement));
  lines[(at + 1) % lines.length]?.focus();
  return lines.length > 0;
}
