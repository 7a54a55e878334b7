import { expect, test } from "vitest";
import { Api, Problem } from "./api";

function server(...answers: Response[]) {
  const asked: { path: string; init: RequestInit }[] = [];
  const fetch = async (input: unknown, init?: RequestInit): Promise<Response> => {
    asked.push({ path: String(input), init: init ?? {} });
    const next = answers.shift();
    if (next === undefined) throw new TypeError("refused");
    return next;
  };
  return { asked, fetch: fetch as typeof globalThis.fetch };
}
const json = (body: unknown, init: ResponseInit = {}) => new Response(JSON.stringify(body), init);

test("a write carries a key and the version it was decided on, and later reads wait for it", async () => {
  const { asked, fetch } = server(json({ id: "c" }, { headers: { ETag: '"4"', "Makima-Position": "91" } }), json({}));
  const api = new Api(undefined, fetch);
  const answer = await api.write("POST", "/contracts/c/pause", { body: {}, version: 3 });
  expect(answer).toMatchObject({ version: 4, position: 91, behind: false });
  const sent = asked[0]!.init.headers as Record<string, string>;
  expect(sent["If-Match"]).toBe('"3"');
  expect(sent["Idempotency-Key"]).toMatch(/^[0-9a-f-]{32,36}$/);
  await api.get("/contracts/c");
  expect((asked[1]!.init.headers as Record<string, string>)["Makima-Min-Position"]).toBe("91");
});

test("a refusal is a problem with its code and members, and nothing is unsure", async () => {
  const refused = { code: "VERSION_CONFLICT", detail: "it is at 48", hint: "read it again", trace_id: "13", current_version: 48 };
  const { fetch } = server(json(refused, { status: 409 }));
  const error = await new Api(undefined, fetch).write("POST", "/x").catch((found: unknown) => found);
  expect(error).toBeInstanceOf(Problem);
  expect(error).toMatchObject({ status: 409, code: "VERSION_CONFLICT", trace: "13", unsure: false });
  expect((error as Problem).members["current_version"]).toBe(48);
});

test("no answer is a problem after which the same key may be sent again", async () => {
  const error = await new Api(undefined, server().fetch).write("POST", "/x").catch((found: unknown) => found);
  expect(error).toMatchObject({ status: 0, code: "UNREACHABLE", unsure: true });
});

test("of a read that was not answered nothing is said of a repeat", async () => {
  const away = { code: "UNAVAILABLE", detail: "supervisor_heartbeat did not answer", hint: "send it again with the same command id" };
  const answers = () => server(json(away, { status: 503 }));
  expect(await new Api(undefined, answers().fetch).get("/x").catch((found: unknown) => found)).toMatchObject({ code: "UNAVAILABLE", hint: null });
  expect(await new Api(undefined, answers().fetch).write("POST", "/x").catch((found: unknown) => found)).toMatchObject({ hint: away.hint });
  expect(await new Api(undefined, server().fetch).get("/x").catch((found: unknown) => found)).toMatchObject({ code: "UNREACHABLE", hint: null });
  const refused = { code: "INVALID_REQUEST", detail: "no such status", hint: "one of active, paused" };
  expect(await new Api(undefined, server(json(refused, { status: 400 })).fetch).get("/x").catch((found: unknown) => found)).toMatchObject({ hint: refused.hint });
});

test("a session that is over is told once for all", async () => {
  let over = 0;
  const { fetch } = server(json({ code: "UNAUTHORIZED" }, { status: 401 }));
  await new Api(() => (over += 1), fetch).get("/me").catch(() => undefined);
  expect(over).toBe(1);
});

test("an answer that is no JSON is still a problem", async () => {
  const { fetch } = server(new Response("<html>", { status: 502, statusText: "Bad Gateway" }));
  expect(await new Api(undefined, fetch).get("/me").catch((found: unknown) => found)).toMatchObject({ code: "HTTP_502", unsure: true });
});

test("a list is read to its end", async () => {
  const { asked, fetch } = server(json({ items: [1, 2], next_cursor: "a b", total: 3 }), json({ items: [3], next_cursor: null }));
  const found: number[] = [];
  await new Api(undefined, fetch).all<number>("/contracts?view=row", (items) => found.push(...items));
  expect(found).toEqual([1, 2, 3]);
  expect(asked[1]!.path).toBe("/api/v1/contracts?view=row&cursor=a%20b");
});
