/** What somebody may want to send is in the address: filters, order, view, tab, a moment of the past. */

/** The members that a list may be filtered by, with `q` for the words. */
export type Filter = Readonly<Partial<Record<string, string>>>;

export const CONTRACT_FILTERS = ["status", "phase", "stale", "waiting"] as const;
export const AGENT_FILTERS = ["status", "stuck", "daemon"] as const;

/** `status:active,blocked phase:plan two words` → {status, phase, q}. A key that is not known is a word. */
export function parseFilter(text: string, keys: readonly string[]): Filter {
  const found: Record<string, string> = {};
  const rest: string[] = [];
  for (const word of text.split(/\s+/).filter(Boolean)) {
    const [, key, value] = /^([a-z]+):(.+)$/.exec(word) ?? [];
    if (key !== undefined && value !== undefined && keys.includes(key)) found[key] = value;
    else rest.push(word);
  }
  if (rest.length > 0) found["q"] = rest.join(" ");
  return found;
}

/** The filter as somebody would type it. */
export function filterText(filter: Filter): string {
  const members = Object.entries(filter).filter(([key, value]) => key !== "q" && value);
  return [...members.map(([key, value]) => `${key}:${value}`), filter["q"] ?? ""].filter(Boolean).join(" ");
}

/** The filter of an address. */
export function filterOf(query: URLSearchParams, keys: readonly string[]): Filter {
  return Object.fromEntries([...keys, "q"].flatMap((key) => (query.get(key) ? [[key, query.get(key)!]] : [])));
}

/** The address with these members set, and those that are null or empty taken out. */
export function withQuery(path: string, query: URLSearchParams, changes: Readonly<Record<string, string | null | undefined>>): string {
  const next = new URLSearchParams(query);
  for (const [key, value] of Object.entries(changes)) {
    if (value) next.set(key, value);
    else next.delete(key);
  }
  const text = next.toString().replaceAll("%2C", ",").replaceAll("%3A", ":");
  return text ? `${path}?${text}` : path;
}

/** True if two filters ask for the same, whatever the order of a list's members. */
export function sameFilter(one: Filter, other: Filter): boolean {
  const plain = (filter: Filter): string =>
    Object.entries(filter).filter(([, value]) => value).map(([key, value]) => `${key}=${value!.split(",").sort().join(",")}`).sort().join("&");
  return plain(one) === plain(other);
}

/** The page's member → the command's option; a flag has a word for true and one for false. */
const OPTIONS: Readonly<Record<string, string | readonly [yes: string, no: string]>> = {
  status: "--status", phase: "--phase", daemon: "--daemon", q: "--search",
  stale: ["--stale", "--not-stale"], waiting: ["--waiting", "--not-waiting"], stuck: ["--stuck", "--not-stuck"],
};

/** The same list in a terminal, in the same order. */
export function asCommand(noun: "contracts" | "agents", filter: Filter, sort: string): string {
  const words = Object.entries(filter).flatMap(([key, value]) => {
    const option = OPTIONS[key];
    if (!value || option === undefined) return [];
    if (typeof option === "string") return [option, quoted(value)];
    return value === "true" ? [option[0]] : value === "false" ? [option[1]] : [];
  });
  return ["makima", noun, "list", ...words, "--sort", sort].join(" ");
}

export const agentCommand = (contract: string, role: string): string => `makima why ${quoted(`${contract}/${role}`)}`;

/** What tells the same as a page in a terminal; null: nothing does. `sort`: the order of a list, as it is shown. */
export function pageCommand(at: Place, query: URLSearchParams, sort: string): string | null {
  switch (at.page) {
    case "overview":
      return "makima needs-you";
    case "contracts":
      return asCommand("contracts", filterOf(query, CONTRACT_FILTERS), sort);
    case "agents":
      return asCommand("agents", filterOf(query, AGENT_FILTERS), sort);
    case "contract":
      return `makima contracts explain ${quoted(at.id)}`;
    case "agent":
      return agentCommand(at.contract, at.role);
    case "system":
      return "makima doctor";
    case "none":
      return null;
  }
}

/** A word of a shell's command line. */
export function quoted(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

export type Place =
  | { readonly page: "overview" | "contracts" | "agents" | "system" | "none" }
  | { readonly page: "contract"; readonly id: string }
  | { readonly page: "agent"; readonly contract: string; readonly role: string };

/** The page of a path. */
export function place(path: string): Place {
  const [first, second, third, ...more] = path.split("/").filter(Boolean).map(decoded);
  if (more.length > 0) return { page: "none" };
  if (first === undefined) return { page: "overview" };
  if (first === "contracts" && third === undefined) return second === undefined ? { page: "contracts" } : { page: "contract", id: second };
  if (first === "agents" && second === undefined) return { page: "agents" };
  if (first === "agents" && second !== undefined && third !== undefined) return { page: "agent", contract: second, role: third };
  if (first === "system" && second === undefined) return { page: "system" };
  return { page: "none" };
}

function decoded(piece: string): string {
  try {
    return decodeURIComponent(piece);
  } catch {
    return piece;
  }
}

export const contractHref = (id: string): string => `/contracts/${encodeURIComponent(id)}`;
export const agentHref = (contract: string, role: string): string => `/agents/${encodeURIComponent(contract)}/${encodeURIComponent(role)}`;
