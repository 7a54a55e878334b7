import { expect, test } from "vitest";
import { readable } from "./escape";

test("control and bidirectional characters of an agent are shown, and do nothing", () => {
  expect(readable("a\u202eb\u0007c\nd\u001b[31m")).toBe("a\\u{202e}b\\u{7}c\\nd\\u{1b}[31m");
  expect(readable("zero\u200bwidth\ufeff \u{e0041}")).toBe("zero\\u{200b}width\\u{feff} \\u{e0041}");
});

test("other scripts and emoji stay as they are", () => {
  expect(readable("żółć 設計 👩\u{1f3fd} ﷺ")).toBe("żółć 設計 👩\u{1f3fd} ﷺ");
});

test("nothing is empty text", () => {
  expect(readable(null)).toBe("");
  expect(readable(undefined)).toBe("");
  expect(readable(0)).toBe("0");
});
