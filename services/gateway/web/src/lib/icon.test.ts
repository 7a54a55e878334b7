import { expect, test } from "vitest";
import html from "../../index.html?raw";
import { iconOf } from "./icon";

test("the page begins with the icon of nothing that waits", () => {
  expect(html).toContain(`href="${iconOf(false)}"`);
});

test("the pupil is filled while something waits", () => {
  expect(iconOf(true)).toContain("fill='%23c47a00'");
  expect(iconOf(false)).not.toContain("fill='%23");
});
