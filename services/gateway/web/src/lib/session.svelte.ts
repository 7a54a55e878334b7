/** Who looks at the page. `GET /me` says it; on 401 the sign-in page stands in the place of every other. */

import { Api, Problem } from "./api";
import type { Me } from "./shapes";

class Session {
  /** undefined: not asked yet; null: nobody is signed in. */
  me = $state.raw<Me | null | undefined>(undefined);
  error = $state.raw<Problem | null>(null); // why it is not known who looks
  ended = $state(false); // somebody was signed in, and is not any more
  readonly api = new Api(() => this.signedOut());

  async begin(): Promise<void> {
    this.error = null;
    try {
      this.me = await this.api.get<Me>("/me");
      this.ended = false;
    } catch (error) {
      if (error instanceof Problem && error.status === 401) this.me = null;
      else if (!(error instanceof Problem)) throw error;
      else if (!this.me) this.error = error; // who is signed in keeps the page: the band says that nothing answers
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

  /** True if the token may do this; a page has no buttons that will be refused. `may` names operations: `POST
   * /contracts/{contract_id}/pause`. */
  may(operation: string): boolean {
    return this.me?.may.includes(operation) ?? false;
  }
}

export const session = new Session();
export const api = session.api;
