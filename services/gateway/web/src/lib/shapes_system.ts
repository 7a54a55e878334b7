/** What the lists of the system page carry: `GET /dead-letters`, `/maintenance`, `/tokens`. */

export interface Letter {
  readonly id: string;
  readonly stream: string;
  readonly consumer: string;
  readonly sequence: number | null;
  readonly subject: string;
  readonly reason: string;
  readonly sender: string | null;
  readonly first_at: string;
  readonly deliveries?: number | null; // absent or null: not known
  readonly excerpt: string;
  readonly truncated: boolean;
  readonly retry_until: string | null; // null: to send it again would not help
}
export interface Quiet { readonly id: string; readonly scope: string; readonly started_at: string; readonly until: string; readonly reason: string; readonly started_by: string }
export interface Token {
  readonly id: string;
  readonly role: string;
  readonly owner: string | null;
  readonly daemon_id: string | null;
  readonly created_at: string;
  readonly created_by: string;
  readonly revoked_at: string | null;
  readonly expires_at: string | null;
  readonly last_used_at: string | null;
  readonly contract_id: string | null;
  readonly agent_role: string | null;
}
