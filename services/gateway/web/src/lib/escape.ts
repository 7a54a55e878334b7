/** What agents and strangers wrote, made safe to read: what is invisible or turns the text around is shown as an escape. */

// Controls (C0, DEL, C1), bidirectional marks, embeddings and isolates, zero width characters, separators, the
// byte order mark, language tags: none of them may act in a line of the page. The same set as the CLI's.
const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/gu;
const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** The text in one line, with escapes for what cannot be seen. Svelte escapes the markup. */
export function readable(text: unknown): string {
  return String(text ?? "").replace(HIDDEN, (found) => SHORT[found] ?? `\\u{${found.codePointAt(0)!.toString(16)}}`);
}
