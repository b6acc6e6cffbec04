// Light or dark: flips at once, and remembers it in the cookie that the server reads.
const root = document.documentElement;

export function rememberTheme(changed) {
  const form = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const label = () => {
    form.elements.theme.value = dark() ? "light" : "dark";
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    root.dataset.theme = dark() ? "light" : "dark";
    document.cookie = `nines_theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=lax`;
    label();
    changed();
  });
  system.addEventListener("change", () => {
    label();
    changed();
  });
  label();
}
