// The door of our scripts. Every page works without them; they make it live and drawn.
import { drawCharts } from "./charts.js";
import { copyLinks } from "./copy.js";
import { goLive } from "./live.js";
import { rememberTheme } from "./theme.js";
import { tellTimes } from "./times.js";

tellTimes();
copyLinks();
rememberTheme(() => drawCharts({ anew: true }));
goLive(() => drawCharts({}));
drawCharts({});

// "/" goes to the search, from wherever there is one.
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const search = document.querySelector("[data-shortcut='/']");
  if (search) {
    event.preventDefault();
    search.focus();
    search.select();
  }
});

// A choice in the toolbar shows its list at once; without scripts there is the button.
document.addEventListener("change", (event) => {
  if (event.target.matches(".toolbar select")) event.target.form.requestSubmit();
});
