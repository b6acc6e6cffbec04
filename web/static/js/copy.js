// A link that is to be handed on is copied instead of followed, where the browser lets us; and so is
// the text that a button names.
const SAID_FOR = 4_000;

function say(words) {
  const said = document.getElementById("copied");
  said.textContent = words;
  said.classList.remove("hidden");
  setTimeout(() => {
    if (said.textContent !== words) return;
    said.classList.add("hidden");
    said.textContent = "";
  }, SAID_FOR);
}

async function copy(asked, event) {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  const source = asked.dataset.from && document.getElementById(asked.dataset.from);
  event.preventDefault();
  try {
    await navigator.clipboard.writeText(source ? source.textContent : asked.href);
    say(`${asked.dataset.copy} copied`);
  } catch {
    // Not over plain HTTP. The address bar has the link then, and what is marked can be copied.
    if (!source) return void location.assign(asked.href);
    getSelection().selectAllChildren(source);
    say(`${asked.dataset.copy} marked: copy it as usual`);
  }
}

export function copyLinks() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-copy]");
    if (link) copy(link, event);
  });
}
