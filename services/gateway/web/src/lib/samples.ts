/** What the tests of the modules show: whole answers of the API, of which a test names the part that it is about. */

import type { Row } from "./shapes";

export const sampleRow = (id: string, more: Partial<Row> = {}): Row => ({
  id, version: 1, name: id, status: "active", phase: "plan", phase_index: 0, phase_count: 2, waiting_for: null, reason: null, stale: false,
  tasks: { total: 0, pending: 0, claimed: 0, running: 0, completed: 0, failed: 0 }, progress_at: "", created_at: "", supervisor: null, ...more,
});
