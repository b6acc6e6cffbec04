// A link that is to be handed on is copied instead of followed, where the browser lets us.
const SAID_FOR = 4_000;

async function copy(link, event) {
  if (event.ctrlKey || event.metaKey || event.shiftKey || !navigator.clipboard) return;
  event.preventDefault();
  try {
    await navigator.clipboard.writeText(link.dataset.text ?? link.href);
  } catch {
    return void (link.href && location.assign(link.href)); // there the address bar has it
  }
  const said = document.getElementById("copied");
  said.textContent = `${link.dataset.copy} copied`;
  said.classList.remove("hidden");
  setTimeout(() => {
    said.classList.add("hidden");
    said.textContent = "";
  }, SAID_FOR);
}

export function copyLinks() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-copy]");
    if (link) copy(link, event);
  });
}
