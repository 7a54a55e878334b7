import { expect, it } from "vitest";
import { commandOf } from "./commands";
import { place } from "./url";

it.each([
  ["/", "makima needs-you"], ["/system", "makima doctor"], ["/nowhere", "makima contracts monitor"],
  ["/agents/e64a61b6-f6b3/builder", "makima why e64a61b6/builder"], ["/agents/e64a61b6-f6b3/a%20b", "makima why 'e64a61b6/a b'"],
])("%s is in a terminal %s", (path, command) => expect(commandOf(place(path))).toBe(command));
