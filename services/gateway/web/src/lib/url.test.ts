import { expect, test } from "vitest";
import { agentSortOf } from "./agents";
import { sortOf } from "./lists";
import commands from "./url.commands.json";
import { agentHref, CONTRACT_FILTERS, contractHref, filterOf, filterText, pageCommand, parseFilter, place, quoted, sameFilter, withQuery } from "./url";

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
  const sort = pathname === "/agents" ? agentSortOf(searchParams) : sortOf(searchParams);
  expect(pageCommand(place(pathname), searchParams, sort)).toBe(command);
});

test("an address that no page has is no command", () => {
  expect(pageCommand(place("/nowhere"), new URLSearchParams(), "needs")).toBeNull();
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
