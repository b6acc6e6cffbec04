// One stream for the tab: when something on this page changes, this page's content is fetched and
// morphed in place, at most once a second. The stream says which ids changed, never what they are.
const LEAST_PAUSE = 1_000;
const FALLBACK = 30_000;
const OFFLINE_AFTER = 30_000;
const STILL_POINTER = 5_000;
const NEWS_PAUSE = 5_000;

const state = document.getElementById("live-state");
const area = () => document.getElementById("live");
let source = null;
let fetchedAt = Date.now();
let brokenSince = null;
let delay = 1_000;
let waiting = false;
let fetching = false;
let pointerAt = 0;
let again = false;
let drawn = () => {};

const clockTime = (at) => `${new Date(at).toISOString().slice(11, 16)} UTC`;

// Read out when it changes; how long it lasts already is for eyes alone.
function say(name, words, lasts = "") {
  const said = state.querySelector("[role=status]");
  state.dataset.state = name;
  if (said.textContent !== words) said.textContent = words;
  document.getElementById("live-for").textContent = lasts;
}

function tellBroken() {
  if (!brokenSince || state.dataset.state === "paused") return;
  const seconds = Math.floor((Date.now() - brokenSince) / 1_000);
  if (seconds * 1_000 > OFFLINE_AFTER) return say("offline", `Offline: data from ${clockTime(fetchedAt)}`);
  say("reconnecting", "Reconnecting", seconds ? ` ${seconds} s` : "");
}

// What a page says of the whole, in its elements with data-state-words. A change of it is read out:
// the newest, and at most one in five seconds.
const stateWords = () => [...document.querySelectorAll("#live [data-state-words]")].map((one) => one.textContent.trim()).join(". ");
let known = "";
let news = null;
let toldAt = 0;

function tellNews() {
  news = null;
  toldAt = Date.now();
  document.getElementById("news").textContent = known;
}

function compareStates() {
  const found = stateWords();
  if (found === known) return;
  known = found;
  news ??= setTimeout(tellNews, Math.max(0, NEWS_PAUSE - (Date.now() - toldAt)));
}

function concerns(ids) {
  const topics = (area().dataset.topics || "").split(" ");
  return topics.includes("*") || ids.some((id) => topics.includes(topic(id)));
}

// As the server writes an id as one word.
const topic = (id) => encodeURIComponent(id).replace(/%2F/g, "/").replace(/[!'()*]/g, escape);

async function refresh() {
  waiting = false;
  if (document.hidden) return;
  if (fetching) return void (again = true);
  // Rows must not jump away under a moving pointer; the keyboard's focus is kept by the morph.
  if (area().dataset.topics === "*" && Date.now() - pointerAt < STILL_POINTER) return later(1_000);
  fetching = true;
  again = false;
  try {
    const here = location.pathname + location.search;
    await htmx.ajax("GET", here, { target: "#live", select: "#live", swap: "outerMorph" });
    fetchedAt = Date.now();
    document.querySelector("link[rel=icon]").href = area().dataset.alarm;
    drawn();
    compareStates();
  } finally {
    fetching = false;
    if (again) later(LEAST_PAUSE);
  }
}

function later(pause) {
  if (waiting) return;
  waiting = true;
  setTimeout(refresh, pause);
}

function changed(ids) {
  if (concerns(ids)) later(Math.max(0, LEAST_PAUSE - (Date.now() - fetchedAt)));
}

function connect() {
  if (source || document.hidden || !area().dataset.topics) return;
  source = new EventSource(state.dataset.stream);
  source.addEventListener("open", () => {
    if (brokenSince) later(0); // whatever was missed
    brokenSince = null;
    delay = 1_000;
    say("live", "Live");
  });
  source.addEventListener("changed", (event) => {
    const { slos = [], incidents = [] } = JSON.parse(event.data);
    changed([...slos, ...incidents]);
  });
  source.addEventListener("resync", () => later(0));
  source.addEventListener("error", () => {
    brokenSince ??= Date.now();
    tellBroken();
    // The browser retries a broken stream by itself, but gives up on an answer such as 503.
    if (source.readyState === EventSource.CLOSED) {
      source = null;
      setTimeout(connect, delay * (0.5 + Math.random()));
      delay = Math.min(delay * 2, 30_000);
    }
  });
}

function disconnect() {
  source?.close();
  source = null;
}

export function goLive(whenDrawn) {
  drawn = whenDrawn;
  known = stateWords();
  if (!area().dataset.topics) return state.remove();
  connect();
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      say("paused", "Paused");
      return disconnect();
    }
    later(0);
    connect();
  });
  addEventListener("pagehide", disconnect);
  addEventListener("pageshow", connect);
  document.addEventListener("pointermove", () => (pointerAt = Date.now()), { passive: true });
  setInterval(() => {
    // Windows move on even when nothing happens.
    if (!document.hidden && Date.now() - fetchedAt > FALLBACK) later(0);
  }, 5_000);
  setInterval(tellBroken, 1_000);
}
