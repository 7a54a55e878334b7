/** “Since you last looked”: the mark of the last look is kept in the browser; what came after it, the monitor replays. */

import { AWAY_MS, digestOf, type Mark, markOf, MOST_EVENTS } from "./away";
import { live, openSocket } from "./live.svelte";
import type { Message, MonitorEvent } from "./shapes";

const KEPT = "makima-last-looked";
const KEEP_EACH_MS = 5000;
const GIVE_UP_MS = 10_000;

interface Digest {
  readonly seconds: number; // since the last look
  readonly parts: readonly string[] | null; // null: too much to count
}

class Away {
  digest = $state.raw<Digest | null>(null);
  private mark: Mark | null = null;
  private looking = false;

  /** Call it once, in a component that lives as long as the page. */
  begin(): void {
    const seen = (): void => {
      this.mark = markOf(localStorage.getItem(KEPT));
      this.looking = false;
    };
    seen();
    $effect(() => {
      document.addEventListener("visibilitychange", seen);
      return () => document.removeEventListener("visibilitychange", seen);
    });
    $effect(() => {
      const { position, epoch } = live.condition;
      if (!live.fresh || document.visibilityState !== "visible" || epoch === "") return;
      if (!this.looking) this.look(position, epoch);
      else if (Date.now() - (this.mark?.at ?? 0) > KEEP_EACH_MS) this.keep(position, epoch);
    });
  }

  private look(position: number, epoch: string): void {
    const { mark } = this;
    this.looking = true;
    if (mark !== null && mark.epoch === epoch && Date.now() - mark.at > AWAY_MS && position > mark.position) this.count(mark, position);
    this.keep(position, epoch);
  }

  private keep(position: number, epoch: string): void {
    this.mark = { position, epoch, at: Date.now() };
    localStorage.setItem(KEPT, JSON.stringify(this.mark));
  }

  private count(mark: Mark, until: number): void {
    const seconds = (Date.now() - mark.at) / 1000;
    if (until - mark.position > MOST_EVENTS) return void (this.digest = { seconds, parts: null });
    const events: MonitorEvent[] = [];
    const socket = openSocket();
    const timer = setTimeout(() => socket.close(), GIVE_UP_MS);
    const over = (): void => {
      clearTimeout(timer);
      socket.close();
    };
    // at once: a Tick from before it would say that everything was told
    socket.onopen = () => socket.send(JSON.stringify({ since: mark.position, epoch: mark.epoch }));
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(String(data)) as Message;
      if (message.type === "reset") return over();
      if (message.type === "Tick" && message.position >= until) {
        this.digest = { seconds, parts: digestOf(events) };
        over();
      } else if ("contract_id" in message && "position" in message) events.push(message);
    };
  }
}

export const away = new Away();
