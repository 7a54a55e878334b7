// Runs before the first paint, so that a dark page does not begin white: the chosen theme, else the machine's.
{
  let chosen = null;
  try {
    chosen = localStorage.getItem("theme");
  } catch {
    // a browser that keeps nothing: the machine's theme
  }
  const asked = new URLSearchParams(location.search).get("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = asked ?? chosen ?? (dark ? "dark" : "light");
}
