// Show what is new without a reload, and keep open what the reader has opened.
"use strict";

async function refresh() {
  const shown = document.documentElement.dataset.version;
  const version = await (await fetch("/version")).text();
  if (version === shown) return;
  const page = new DOMParser().parseFromString(await (await fetch("/")).text(), "text/html");
  const opened = [...document.querySelectorAll("details[open]")].map((details) => details.id);
  const focused = document.activeElement?.closest("details")?.id;
  document.getElementById("inbox").replaceWith(page.getElementById("inbox"));
  for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
  if (focused) document.getElementById(focused)?.querySelector("summary").focus();
  document.documentElement.dataset.version = page.documentElement.dataset.version;
}

setInterval(() => {
  if (!document.hidden) refresh().catch(() => {});
}, 2000);
