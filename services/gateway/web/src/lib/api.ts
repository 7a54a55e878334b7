/** Requests to the API: one key per write, the version it was decided on, and problems as one kind of error. */

export const API = "/api/v1";

/** What the API refuses (RFC 9457), or an answer that never came. */
export class Problem extends Error {
  constructor(
    readonly status: number, // 0: no answer came
    readonly code: string,
    readonly detail: string,
    readonly hint: string | null,
    readonly trace: string | null,
    readonly members: Readonly<Record<string, unknown>>,
  ) {
    super(detail);
  }

  /** True if it is not known whether a write was recorded: the same key may be sent again. */
  get unsure(): boolean {
    return this.status === 0 || this.status >= 500;
  }
}

export interface Answer<Body> {
  readonly body: Body;
  readonly version: number | null; // of the ETag
  readonly position: number | null; // of `Makima-Position`: a write's
  readonly behind: boolean; // `Makima-Read-Behind`
}

export interface Options {
  readonly body?: unknown;
  readonly version?: number | undefined; // If-Match: refused with VERSION_CONFLICT where it moved on
  readonly key?: string; // Idempotency-Key: the same for each try of one write
  readonly minPosition?: number | undefined; // a GET waits until it shows this position
  readonly signal?: AbortSignal;
}

type Fetch = typeof globalThis.fetch;

export class Api {
  /** The last position that a write was answered with: later reads must show it. */
  written = 0;

  constructor(
    private readonly onSignedOut: () => void = () => undefined,
    private readonly fetch: Fetch = (input, init) => globalThis.fetch(input, init),
  ) {}

  /** GET; waits for what this page has written, unless another position is asked for. */
  async get<Body>(path: string, options: Options = {}): Promise<Body> {
    return (await this.send<Body>("GET", path, { ...options, minPosition: options.minPosition ?? this.written })).body;
  }

  /** A write. Without `key` it gets one of its own; a repeat must pass the first one's. */
  async write<Body>(method: string, path: string, options: Options = {}): Promise<Answer<Body>> {
    const answer = await this.send<Body>(method, path, { ...options, key: options.key ?? newKey() });
    this.written = Math.max(this.written, answer.position ?? 0);
    return answer;
  }

  /** Every page of a list, one after the other; `each` is called with each. */
  async all<Item>(path: string, each: (items: readonly Item[], total: number | null) => void, options: Options = {}): Promise<void> {
    let cursor: string | null = null;
    do {
      const next: string = cursor === null ? path : `${path}${path.includes("?") ? "&" : "?"}cursor=${encodeURIComponent(cursor)}`;
      const page: { items: Item[]; next_cursor: string | null; total?: number } = await this.get(next, options);
      each(page.items, page.total ?? null);
      cursor = page.next_cursor;
    } while (cursor !== null);
  }

  async send<Body>(method: string, path: string, options: Options): Promise<Answer<Body>> {
    const answer = await this.asked(method, path, options);
    const text = await answer.text();
    const body = parsed(text);
    if (!answer.ok) {
      if (answer.status === 401 && path !== "/session") this.onSignedOut();
      throw problem(answer, body, options.key !== undefined);
    }
    return {
      body: body as Body,
      version: numberOf(answer.headers.get("ETag")?.replace(/^W\//, "").replaceAll('"', "")),
      position: numberOf(answer.headers.get("Makima-Position")),
      behind: answer.headers.get("Makima-Read-Behind") === "true",
    };
  }

  private async asked(method: string, path: string, options: Options): Promise<Response> {
    const headers: Record<string, string> = { Accept: "application/json" };
    if (options.body !== undefined) headers["Content-Type"] = "application/json";
    if (options.key !== undefined) headers["Idempotency-Key"] = options.key;
    if (options.version !== undefined) headers["If-Match"] = `"${options.version}"`;
    if (options.minPosition) headers["Makima-Min-Position"] = String(options.minPosition);
    try {
      return await this.fetch(path.startsWith("/api/") ? path : `${API}${path}`, {
        method,
        headers,
        credentials: "same-origin",
        ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      });
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") throw error;
      throw new Problem(0, "UNREACHABLE", "no answer came from the gateway", options.key === undefined ? null : "it asks again under the same key", null, {});
    }
  }
}

/** A key for one write. Without TLS, away from this machine, a browser has no `randomUUID`. */
export function newKey(): string {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function parsed(text: string): unknown {
  if (text === "") return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** `write`: of a repeat under the same key speak only writes; a read that was not answered changes nothing. */
function problem(answer: Response, body: unknown, write: boolean): Problem {
  const members = typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
  const text = (name: string): string | null => (typeof members[name] === "string" ? members[name] : null);
  return new Problem(answer.status, text("code") ?? `HTTP_${answer.status}`, text("detail") ?? answer.statusText, write || answer.status < 500 ? text("hint") : null, text("trace_id"), members);
}

function numberOf(text: string | null | undefined): number | null {
  const value = Number(text ?? Number.NaN);
  return text && Number.isFinite(value) ? value : null;
}
