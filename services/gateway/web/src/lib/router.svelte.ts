/** Where the page is. Links are plain links; a click on one of ours does not load the page again. */

import { place, type Place } from "./url";

class Router {
  path = $state(location.pathname);
  query = $state.raw(new URLSearchParams(location.search));
  readonly place: Place = $derived(place(this.path));

  constructor() {
    addEventListener("popstate", () => this.read());
    document.addEventListener("click", (event) => this.clicked(event));
  }

  /** Go to an address of the page; `replace` for what is no step of its own: a filter while it is typed. */
  go(href: string, options: { replace?: boolean } = {}): void {
    const to = new URL(href, location.href);
    const another = to.pathname !== location.pathname;
    if (to.href !== location.href) history[options.replace ? "replaceState" : "pushState"](null, "", to);
    this.read();
    if (another && !options.replace) scrollTo(0, 0);
  }

  private read(): void {
    this.path = location.pathname;
    this.query = new URLSearchParams(location.search);
  }

  private clicked(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element).closest?.("a[href]") as HTMLAnchorElement | null;
    if (link === null || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    const to = new URL(link.href);
    if (to.hash && to.pathname === location.pathname && to.search === location.search) return;
    if (place(to.pathname).page === "none") return; // /docs, /api
    event.preventDefault();
    this.go(link.href);
  }
}

export const router = new Router();
