import { expect, test } from "vitest";
import { AGENT_SORTS } from "./agents";
import { SORTS } from "./lists";
import commands from "./url.commands.json";
import { AGENT_FILTERS, agentHref, asCommand, CONTRACT_FILTERS, contractHref, filterOf, filterText, parseFilter, place, quoted, sameFilter, withQuery } from "./url";

test("the filter language is the query of the API, and the rest are words", () => {
  const filter = parseFilter("status:active,blocked  fix phase:plan login", CONTRACT_FILTERS);
  expect(filter).toEqual({ status: "active,blocked", phase: "plan", q: "fix login" });
  expect(parseFilter(filterText(filter), CONTRACT_FILTERS)).toEqual(filter);
});

test("an unknown key, and one without a value, are words", () => {
  expect(parseFilter("http://x colour:red status:", CONTRACT_FILTERS)).toEqual({ q: "http://x colour:red status:" });
});

test("an address keeps what it is not told to change", () => {
  const query = new URLSearchParams("status=active&still");
  expect(withQuery("/contracts", query, { status: null, phase: "plan" })).toBe("/contracts?still=&phase=plan");
  expect(withQuery("/contracts", new URLSearchParams(), { status: "active,blocked" })).toBe("/contracts?status=active,blocked");
  expect(withQuery("/contracts", new URLSearchParams("status=a"), { status: "" })).toBe("/contracts");
  expect(filterOf(new URLSearchParams("status=a&v=3&q=b c"), CONTRACT_FILTERS)).toEqual({ status: "a", q: "b c" });
});

test("the order in a list does not matter", () => {
  expect(sameFilter({ status: "a,b" }, { status: "b,a" })).toBe(true);
  expect(sameFilter({ status: "a" }, { status: "a", stale: "true" })).toBe(false);
});

test.each(commands)("%s is `%s` in a terminal", (address, command) => {
  const { pathname, searchParams } = new URL(address!, "http://here");
  const [noun, keys, sorts] = pathname === "/agents" ? (["agents", AGENT_FILTERS, AGENT_SORTS] as const) : (["contracts", CONTRACT_FILTERS, SORTS] as const);
  expect(asCommand(noun, filterOf(searchParams, keys), sorts.find(([name]) => name === searchParams.get("sort"))?.[0] ?? "needs")).toBe(command);
});

test("a word is quoted for a shell", () => {
  expect(quoted("it's; rm -rf")).toBe("'it'\\''s; rm -rf'");
});

test("each address has its page", () => {
  expect(place("/")).toEqual({ page: "overview" });
  expect(place("/contracts")).toEqual({ page: "contracts" });
  expect(place("/contracts/ab-1")).toEqual({ page: "contract", id: "ab-1" });
  expect(place("/agents")).toEqual({ page: "agents" });
  expect(place(agentHref("c1", "a/b"))).toEqual({ page: "agent", contract: "c1", role: "a/b" });
  expect(place(contractHref("x y"))).toEqual({ page: "contract", id: "x y" });
  expect(place("/system")).toEqual({ page: "system" });
  for (const nowhere of ["/agents/a", "/system/x", "/contracts/a/b", "/x", "/agents/a/b/c"]) expect(place(nowhere)).toEqual({ page: "none" });
  expect(place("/contracts/%E0%A4%A")).toEqual({ page: "contract", id: "%E0%A4%A" });
});
