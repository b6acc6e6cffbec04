// Keeps "3 min ago" and the clock true while a page stays open. The first words are the server's.
const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
const NBSP = "\u00a0";
// The server's clock rules: ours may be wrong.
const offset = () => {
  const made = Date.parse(document.getElementById("clock").dateTime);
  return Number.isNaN(made) ? 0 : made - performance.timeOrigin;
};

export function words(seconds) {
  const gap = Math.abs(seconds);
  if (gap < 1) return "just now";
  const at = UNITS.findIndex(([size]) => gap >= size);
  const [size, unit] = UNITS[at];
  const first = Math.floor(gap / size);
  let text = `${first}${NBSP}${unit}`;
  if (unit === "h" || (at < 3 && first < 10)) {
    const [smaller, name] = UNITS[at + 1];
    const rest = Math.floor((gap % size) / smaller);
    if (rest) text += ` ${rest}${NBSP}${name === "min" ? "m" : name}`;
  }
  return seconds >= 0 ? `${text} ago` : `in ${text}`;
}

export function tellTimes() {
  const ahead = offset();
  const clock = document.getElementById("clock");
  const tick = () => {
    const now = Date.now() + ahead * (Math.abs(ahead) > 5000 ? 1 : 0);
    clock.textContent = `${new Date(now).toISOString().slice(11, 16)} UTC`;
    clock.title = `${new Date(now).toLocaleString("en-GB", { timeZoneName: "short" })} where you are`;
    for (const time of document.querySelectorAll("time[data-relative]")) {
      const text = words((now - Date.parse(time.dateTime)) / 1000);
      if (time.textContent !== text) time.textContent = text;
    }
  };
  setInterval(() => document.hidden || tick(), 10_000);
}
