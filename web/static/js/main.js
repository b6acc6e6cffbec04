// The door of our scripts. Every page works without them; they make it live and drawn.
import { drawCharts } from "./charts.js";
import { copyLinks } from "./copy.js";
import { goLive } from "./live.js";
import { rememberTheme } from "./theme.js";
import { tellTimes } from "./times.js";
import { keepTyped } from "./typed.js";

tellTimes();
copyLinks();
keepTyped();
rememberTheme(() => drawCharts({ anew: true }));
goLive(() => drawCharts({}));
drawCharts({});

// "/" goes to the page's own search, else to that of the frame; where that is folded, to its page.
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const boxes = ["main", "header"].map((where) => document.querySelector(`${where} [data-shortcut='/']`));
  const search = boxes.find((box) => box?.offsetParent);
  const page = document.querySelector("a.find");
  if (!search && !page) return;
  event.preventDefault();
  if (!search) return page.click();
  search.focus();
  search.select();
});

// A group of the list shows its SLOs in place; without scripts the page comes anew. "e" opens the
// one that has the focus, or the next that is closed.
document.addEventListener("click", async (event) => {
  const toggle = event.target.closest("a.toggle");
  if (!toggle || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  const { href } = toggle;
  const { id } = toggle.closest("tr");
  await htmx.ajax("GET", href, { target: "#live", select: "#live", swap: "outerMorph" });
  history.replaceState(null, "", href);
  document.getElementById(id)?.querySelector("a.toggle")?.focus();
});
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
  if (event.key !== "e" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const focused = event.target.closest("tbody")?.querySelector("a.toggle");
  (focused || document.querySelector("a.toggle[aria-expanded=false]"))?.click();
});

// A choice in the toolbar shows its list at once; without scripts there is the button.
document.addEventListener("change", (event) => {
  if (event.target.matches(".toolbar select, select.in-head")) event.target.form.requestSubmit();
});
