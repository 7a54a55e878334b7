/** The tab's icon: an eye, whose pupil is filled while something waits for the reader. Pure. */

const EYE = "%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 20 20' fill='none' stroke='%238a857b'%3E%3Ccircle cx='10' cy='10' r='8.4' stroke-width='2'/%3E";
const PUPIL = { open: "%3Ccircle cx='10' cy='10' r='3'/%3E", filled: "%3Ccircle cx='10' cy='10' r='5' fill='%23c47a00' stroke='none'/%3E" } as const;

export const iconOf = (waits: boolean): string => `data:image/svg+xml,${EYE}${PUPIL[waits ? "filled" : "open"]}%3C/svg%3E`;
