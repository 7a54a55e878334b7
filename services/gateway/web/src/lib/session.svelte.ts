/** Who looks at the page. `GET /session` says it, and answers 200 to nobody too: a first visit is no error. On a 401 of
 * anything else the sign-in page stands in the place of every other. */

import { Api, Problem } from "./api";
import { router } from "./router.svelte";
import type { Me } from "./shapes";
import { FAILED, linkFailure } from "./sign_in";
import { withQuery } from "./url";

class Session {
  /** undefined: not asked yet; null: nobody is signed in. */
  me = $state.raw<Me | null | undefined>(undefined);
  error = $state.raw<Problem | null>(null); // why it is not known who looks
  ended = $state(false); // somebody was signed in, and is not any more
  failed = $state(""); // why a sign-in link signed nobody in, as a sentence
  readonly api = new Api(() => this.signedOut());

  async begin(): Promise<void> {
    this.error = null;
    this.readLink();
    try {
      const { me } = await this.api.get<{ signed_in: boolean; me: Me | null }>("/session");
      if (me === null) this.signedOut();
      else [this.me, this.ended, this.failed] = [me, false, ""];
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (!this.me) this.error = error; // who is signed in keeps the page: the band says that nothing answers
    }
  }

  /** Sign in with a token or a one-time code. Raises `Problem`. */
  async signIn(token: string): Promise<void> {
    await this.api.write("POST", "/session", { body: { token } });
    await this.begin();
  }

  async signOut(): Promise<void> {
    await this.api.write("DELETE", "/session").catch(() => undefined);
    this.me = null;
    this.ended = false;
  }

  signedOut(): void {
    if (this.me) this.ended = true;
    this.me = null;
  }

  /** Take over what the gateway has added to the address, which is then as somebody would send it. */
  private readLink(): void {
    const failed = linkFailure(router.query);
    if (failed === "") return;
    this.failed = failed;
    router.go(withQuery(router.path, router.query, { [FAILED]: null }), { replace: true });
  }

  /** True if the token may do this; a page has no buttons that will be refused. `may` names operations: `POST
   * /contracts/{contract_id}/pause`. */
  may(operation: string): boolean {
    return this.me?.may.includes(operation) ?? false;
  }
}

export const session = new Session();
export const api = session.api;
