/** Light or dark; `public/theme.js` sets it before the first paint. */

export function toggleTheme(): void {
  const theme = document.documentElement.dataset["theme"] === "dark" ? "light" : "dark";
  document.documentElement.dataset["theme"] = theme;
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // it holds for this visit
  }
}
