// The wallboard: alive by the stream of changes, honest when that is dead, and touched by nobody.
const LEAST_PAUSE = 1_000;
const ANEW = 10_000;
const WITHIN = 8_000;
const DEAD_AFTER = 30_000;
const SHIFT_EVERY = 600_000;
const SHIFTS = 4;

const { stream, tiles, views, cycle, zone } = document.body.dataset;
const names = views.split(",");
const board = document.getElementById("wall");
let place = 0;
let source = null;
let brokenAt = null;
let brokenSince = "";
let fetchedAt = performance.now();
let waiting = false;
let delay = 1_000;
let ahead = 0; // how far the server's clock is ahead of ours

const shown = () => document.getElementById("tiles");
const serverNow = () => Date.now() + ahead;
const clockTime = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit" });

function compareClocks() {
  ahead = Date.parse(shown().dataset.now) - Date.now();
}

async function refresh() {
  waiting = false;
  const wanted = names[place];
  try {
    const address = `${tiles}?view=${encodeURIComponent(wanted)}`;
    const answer = await fetch(address, { signal: AbortSignal.timeout(WITHIN) });
    if (!answer.ok || answer.redirected) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("tiles");
    if (!fresh || wanted !== names[place]) return;
    shown().replaceWith(document.adoptNode(fresh));
    fetchedAt = performance.now();
    if (source.readyState === EventSource.OPEN) brokenAt = null;
    compareClocks();
    tell();
  } catch {
    // It is tried again; how old the numbers are is shown.
  }
}

function later(pause) {
  if (waiting) return;
  waiting = true;
  setTimeout(refresh, pause);
}

function connect() {
  source = new EventSource(stream);
  source.addEventListener("open", () => {
    if (brokenAt !== null) later(0); // whatever was missed
    brokenAt = null;
    delay = 1_000;
    tell();
  });
  source.addEventListener("changed", () => later(LEAST_PAUSE));
  source.addEventListener("resync", () => later(0));
  source.addEventListener("error", () => {
    broken();
    // The browser retries a broken stream by itself, but gives up on an answer such as 503.
    if (source.readyState === EventSource.CLOSED) {
      setTimeout(connect, delay * (0.5 + Math.random()));
      delay = Math.min(delay * 2, 15_000);
    }
  });
}

function broken() {
  if (brokenAt !== null) return;
  brokenAt = performance.now();
  brokenSince = clockTime.format(serverNow());
}

function tell() {
  document.getElementById("clock").textContent = clockTime.format(serverNow());
  const evaluated = Date.parse(shown().dataset.evaluated);
  const seconds = Math.max(0, Math.round((serverNow() - evaluated) / 1_000));
  const age = seconds < 120 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`;
  document.getElementById("age").textContent = Number.isNaN(evaluated)
    ? "Not evaluated yet" : `Evaluated ${age} ago`;
  // A network that swallows everything lets the stream seem open: then nothing is fetched either.
  if (performance.now() - fetchedAt > DEAD_AFTER) broken();
  const dead = brokenAt !== null && performance.now() - Math.min(brokenAt, fetchedAt + DEAD_AFTER) >= DEAD_AFTER;
  document.getElementById("since").textContent = dead ? `since ${brokenSince}` : "";
  document.getElementById("dead").hidden = !dead;
  board.inert = dead;
}

compareClocks();
connect();
tell();
setInterval(tell, 1_000);
setInterval(() => later(0), ANEW);
if (Number(cycle) && names.length > 1) {
  setInterval(() => {
    place = (place + 1) % names.length;
    later(0);
  }, Number(cycle) * 1_000);
}
// A picture that never moves burns itself into a screen.
let shift = 0;
setInterval(() => {
  shift = (shift + 1) % SHIFTS;
  board.dataset.shift = shift;
}, SHIFT_EVERY);
