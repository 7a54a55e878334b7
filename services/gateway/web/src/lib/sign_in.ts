/** What the sign-in page says of a link that signed nobody in: `?sign_in=…`, which the gateway adds to the clean address. */

export const FAILED = "sign_in";

const WHY: Readonly<Record<string, string>> = {
  code: "The link did not sign you in: it was used already, or is older than 60 s. makima open makes another.",
  token: "The link did not sign you in: its token is not known here, was revoked, or is over.",
  role: "The link did not sign you in: its token is a program’s. A page needs one of the role admin, owner or viewer.",
  site: "The link did not sign you in, because it stands on another site’s page: copy it into the address bar.",
};

/** The sentence for the address; an empty one where no link failed. */
export function linkFailure(query: URLSearchParams): string {
  const why = query.get(FAILED);
  if (why === null) return "";
  return Object.hasOwn(WHY, why) ? WHY[why]! : "The link did not sign you in.";
}
