/** What a page shows, as a command for a terminal. Pure. */

import { type Place, quoted } from "./url";

/** Of the pages that have no list and no contract of their own. */
const PLAIN: Readonly<Partial<Record<Place["page"], string>>> = { overview: "makima needs-you", system: "makima doctor" };

export const agentCommand = (contract: string, role: string): string => `makima why ${quoted(`${contract.slice(0, 8)}/${role}`)}`;

/** The command that tells the same as the page of this place. */
export function commandOf(place: Place): string {
  return place.page === "agent" ? agentCommand(place.contract, place.role) : (PLAIN[place.page] ?? "makima contracts monitor");
}
