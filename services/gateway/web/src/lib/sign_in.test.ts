import { expect, test } from "vitest";
import { linkFailure } from "./sign_in";

const said = (query: string): string => linkFailure(new URLSearchParams(query));

test("a link that failed says why, and what helps", () => {
  expect(said("sign_in=code")).toContain("used already, or is older than 60 s");
  expect(said("theme=dark&sign_in=token")).toContain("was revoked");
  expect(said("sign_in=role")).toContain("admin, owner or viewer");
  expect(said("sign_in=site")).toContain("another site");
});

test("an address says nothing of its own", () => {
  expect(said("")).toBe("");
  expect(said("sign_in=toString")).toBe("The link did not sign you in.");
  expect(said("sign_in=%3Cb%3Epay%20here")).toBe("The link did not sign you in.");
});
