// Draws the SLO page's charts with uPlot, from the API's columns. Each has a table beside it.
const KEEP = 10_000; // a chart is fetched at most every ten seconds
const plots = new Map(); // figure -> {plot, columns, at}

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const two = (number) => String(number).padStart(2, "0");
const utc = (seconds) => new Date(seconds * 1000);
const times = (_, ticks, __, ___, step) =>
  ticks.map((at) => {
    const date = utc(at);
    const day = `${date.getUTCDate()} ${date.toLocaleString("en", { month: "short", timeZone: "UTC" })}`;
    const hour = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
    return step >= 86_400 || (hour === "00:00" && step >= 3_600) ? day : hour;
  });
const stamp = (_, at) => (at == null ? "–" : `${utc(at).toISOString().slice(5, at % 60 ? 19 : 16).replace("T", " ")} UTC`);
const percent = (_, share) => (share == null ? "no data" : `${(Math.floor(share * 1000) / 10).toFixed(1)} %`);
// As the pages write it: whole from 100 on, two decimals only where the second one tells something.
const factor = (_, rate) => {
  if (rate == null) return "no data";
  if (rate > 0 && rate < 0.01) return "<0.01x";
  const close = rate < 0.1 || (rate >= 0.95 && rate < 1.05);
  return `${+rate.toFixed(rate >= 100 ? 0 : close ? 2 : 1)}x`;
};
const whole = (_, number) => (number == null ? "no data" : Math.round(number).toLocaleString("en"));

// --- what lies behind the lines ------------------------------------------------------------------

function band(plot, from, to, fill) {
  const left = Math.max(plot.valToPos(from, "x", true), plot.bbox.left);
  const right = Math.min(plot.valToPos(to, "x", true), plot.bbox.left + plot.bbox.width);
  if (right <= left) return;
  plot.ctx.fillStyle = fill;
  plot.ctx.fillRect(left, plot.bbox.top, Math.max(right - left, 1), plot.bbox.height);
}

function runs(t, step, holds) {
  const found = [];
  t.forEach((at, i) => {
    if (!holds(i)) return;
    const last = found.at(-1);
    if (last && last[1] >= at) last[1] = at + step;
    else found.push([at, at + step]);
  });
  return found;
}

// The last step may not be over: its counts are those so far, and no fall of the traffic.
const running = (columns, i) => columns.running && i === columns.t.length - 1;

function hatch(context, tone = "edge") {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 8;
  const pen = tile.getContext("2d");
  pen.strokeStyle = color(tone);
  pen.globalAlpha = 0.45;
  pen.beginPath();
  pen.moveTo(0, 8);
  pen.lineTo(8, 0);
  pen.stroke();
  return context.createPattern(tile, "repeat");
}

function shadeNoData(columns) {
  const [stretches, step] = [columns.excluded_stretches, columns.step_seconds];
  const excluded = (at) => stretches.some(([from, to]) => from < at + step && at < to);
  const silent = (i) => columns.good[i] + columns.bad[i] === 0 && !running(columns, i) && !excluded(columns.t[i]);
  const gaps = runs(columns.t, columns.step_seconds, silent);
  return (plot) => {
    const fill = hatch(plot.ctx);
    for (const [from, to] of gaps) band(plot, from, to, fill);
  };
}

// Time that does not count, with its name on it where there is room.
function shadeExcluded(plot, stretches) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
  ctx.textAlign = "left";
  ctx.textBaseline = "bottom";
  for (const [from, to] of stretches) {
    band(plot, from, to, `${color("accent")}26`);
    const left = Math.max(plot.valToPos(from, "x", true), bbox.left);
    const right = Math.min(plot.valToPos(to, "x", true), bbox.left + bbox.width);
    if (right - left < ctx.measureText("excluded").width + 8 * devicePixelRatio) continue;
    ctx.fillStyle = color("soft");
    ctx.fillText("excluded", left + 4 * devicePixelRatio, bbox.top + bbox.height - 2 * devicePixelRatio);
  }
  ctx.restore();
}

function line(plot, value, stroke, label, dash = [6, 4]) {
  const { ctx, bbox } = plot;
  const y = Math.round(plot.valToPos(value, "y", true));
  if (y < bbox.top || y > bbox.top + bbox.height) return;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = stroke;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash(dash.map((part) => part * devicePixelRatio));
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  if (label) {
    ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
    ctx.textAlign = "left";
    ctx.textBaseline = "bottom";
    const [x, below, high] = [bbox.left + 6 * devicePixelRatio, y - 2 * devicePixelRatio, 13 * devicePixelRatio];
    ctx.fillStyle = color("card"); // so that no line runs through the words
    ctx.fillRect(x - 2, below - high, ctx.measureText(label).width + 4, high);
    ctx.fillStyle = stroke;
    ctx.fillText(label, x, below);
  }
  ctx.restore();
}

// Where the SLO's definition was edited; what each edit changed stands in the page's list of versions.
function markEdits(plot, edits) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = color("soft");
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([2 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
  ctx.textBaseline = "top";
  for (const { at, label } of edits) {
    const x = Math.round(plot.valToPos(at, "x", true));
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    const left = x > bbox.left + bbox.width / 2;
    ctx.textAlign = left ? "right" : "left";
    ctx.fillText(label, x + (left ? -4 : 4) * devicePixelRatio, bbox.top + 2 * devicePixelRatio);
  }
  ctx.restore();
}

// What happened beside the numbers, along the bottom: each kind has a shape of its own.
const SHAPES = { deployment: "▲", edit: "◆", annotation: "●" };
function drawLane(plot, events) {
  const { ctx, bbox } = plot;
  const [px, right] = [devicePixelRatio, bbox.left + bbox.width];
  const y = bbox.top + bbox.height - 7 * px;
  ctx.save();
  ctx.font = `${12 * px}px system-ui, sans-serif`;
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  for (const { kind, at, to } of events) {
    const from = plot.valToPos(at, "x", true);
    if (SHAPES[kind]) {
      if (from < bbox.left || from > right) continue;
      ctx.fillStyle = color(kind === "deployment" ? "accent" : "soft");
      ctx.fillText(SHAPES[kind], from, y);
      continue;
    }
    const left = Math.max(from, bbox.left);
    const width = Math.max(Math.min(plot.valToPos(to, "x", true), right) - left, 2 * px);
    if (left > right || from + width < bbox.left) continue;
    ctx.fillStyle = kind === "incident" ? color("bad-line") : hatch(ctx);
    ctx.fillRect(left, kind === "incident" ? y + 2 * px : y - 4 * px, width, kind === "incident" ? 4 * px : 10 * px);
  }
  ctx.restore();
}

// --- the four charts -----------------------------------------------------------------------------

const axis = (more = {}) => ({
  stroke: color("soft"), grid: { stroke: color("line"), width: 1 }, ticks: { show: false },
  font: "12px system-ui, sans-serif", ...more,
});
const series = (label, stroke, value, more = {}) => ({
  label, stroke: color(stroke), width: 1.75, points: { show: false }, value, ...more,
});

// Where the budget may go from here: between the best and the worst of the past weeks.
function cone(plot, from, left, { end, low, middle, high }) {
  const { ctx } = plot;
  const [x, y] = [(at) => plot.valToPos(at, "x", true), (share) => plot.valToPos(share, "y", true)];
  ctx.save();
  ctx.beginPath();
  ctx.rect(plot.bbox.left, plot.bbox.top, plot.bbox.width, plot.bbox.height);
  ctx.clip();
  ctx.fillStyle = `${color("edge")}40`;
  ctx.beginPath();
  ctx.moveTo(x(from), y(left));
  ctx.lineTo(x(end), y(high));
  ctx.lineTo(x(end), y(low));
  ctx.fill();
  ctx.strokeStyle = color("accent");
  ctx.lineWidth = 1.5 * devicePixelRatio;
  ctx.setLineDash([2 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(x(from), y(left));
  ctx.lineTo(x(end), y(middle));
  ctx.stroke();
  ctx.restore();
}

function budget(columns, { outlook }) {
  const left = columns.remaining || [];
  const count = left.length;
  const even = left.map((_, i) => 1 - (i + 1) / count);
  const low = Math.min(0, outlook?.low ?? 0, ...left.filter((share) => share != null));
  const [last, newest] = [columns.ends.at(-1), left.at(-1)];
  return {
    data: [columns.ends, left, even],
    y: { range: [low < 0 ? Math.max(low * 1.1, -4) : -0.05, 1.05] },
    yAxis: { values: (_, ticks) => ticks.map((share) => `${Math.round(share * 100)} %`), size: 52 },
    series: [
      series("Budget left", "accent", percent, { width: 2, fill: `${color("accent")}1f`, fillTo: 0 }),
      series("Even burn", "edge", percent, { dash: [5, 5], width: 1 }),
    ],
    ends: true,
    until: outlook?.end,
    under: (plot) => outlook && newest != null && cone(plot, last, newest, outlook),
    over: (plot) => line(plot, 0, color("fast"), low < 0 ? "budget spent" : "", []),
  };
}

function burn(columns, { tiers: all }) {
  const rates = columns.burn || {};
  // One rule that is opened stands alone, with both of its windows.
  const opened = all.filter((tier) => tier.opened && rates[tier.long]);
  const tiers = opened.length ? opened : all;
  const longs = [...new Set(tiers.map((tier) => tier.long))].filter((key) => rates[key]);
  // The loudest rule that fires shows its short window too; all of them would be a thicket.
  const shorts = tiers.filter((tier) => (tier.firing || tier.opened) && rates[tier.short] && !longs.includes(tier.short)).slice(0, 1);
  const shown = longs.length ? longs : Object.keys(rates).slice(-1);
  const keys = [...shown, ...shorts.map((tier) => tier.short)];
  const tones = ["bad-line", "warn-line", "accent", "good-line", "spent-line"];
  const most = Math.max(1.2, ...tiers.map((tier) => tier.factor * 1.15), ...keys.flatMap((key) => rates[key].filter(Number.isFinite)));
  const ticks = [...new Set([0, 1, ...tiers.map((tier) => tier.factor), ...[50, 200, 1000].filter((tick) => tick < most)])].sort((a, b) => a - b);
  const now = columns.ends.at(-1);
  const fires = (tier) => (i) => rates[tier.long]?.[i] > tier.factor && rates[tier.short]?.[i] > tier.factor;
  return {
    data: [columns.ends, ...keys.map((key) => rates[key])],
    y: { distr: 4, asinh: 1, range: [0, most * 1.1] },
    yAxis: { splits: () => ticks, values: (_, marks) => marks.map((mark) => (mark == null ? "" : `${+mark.toFixed(1)}x`)), size: 52 },
    ends: true,
    series: keys.map((key, i) =>
      series(`Over ${key}`, tones[i % tones.length], factor, i >= shown.length ? { dash: [3, 3], width: 1.25 } : {})),
    under: (plot) => {
      for (const tier of tiers) {
        const fill = `${color(tier.severity === "page" ? "bad-line" : "warn-line")}24`;
        for (const [from, to] of runs(columns.t, columns.step_seconds, fires(tier))) band(plot, from, to, fill);
        if (tier.firing && tier.since) band(plot, tier.since, now, fill);
      }
    },
    over: (plot) => {
      for (const tier of tiers) line(plot, tier.factor, color(tier.severity === "page" ? "fast" : "slow"), tier.label);
    },
  };
}

// Cut, never rounded: a share below the objective must not look as if it met it.
const cut = (places) => (_, share) => {
  if (share == null) return "no data";
  const scale = 10 ** places;
  return `${share === 1 ? "100" : (Math.floor(share * 100 * scale + 1e-9) / scale).toFixed(places)} %`;
};

function sli(columns, { objective, places }) {
  const shares = columns.good.map((good, i) => (good + columns.bad[i] ? good / (good + columns.bad[i]) : null));
  const low = Math.min(objective, ...shares.filter((share) => share != null));
  const room = Math.max((1 - low) * 0.15, 1e-6);
  const below = runs(columns.t, columns.step_seconds, (i) => shares[i] != null && shares[i] < objective);
  const shown = cut(places);
  return {
    data: [columns.t, shares],
    y: { range: [Math.max(low - room, low === 0 ? -0.02 : 0), 1 + room / 2] },
    yAxis: { values: (_, ticks) => ticks.map((share) => (share > 1 ? "" : `${+(share * 100).toFixed(places)} %`)), size: 68 },
    wide: true,
    series: [series("SLI", "accent", shown, { paths: uPlot.paths.stepped({ align: 1 }) })],
    under: (plot) => {
      for (const [from, to] of below) {
        band(plot, from, to, `${color("bad-line")}24`);
        band(plot, from, to, hatch(plot.ctx, "bad-line"));
      }
    },
    over: (plot) => line(plot, objective, color("slow"), `objective ${+(objective * 100).toFixed(places)} %`),
  };
}

// Steps of an axis of counts: there is no half of one.
const WHOLE = [1, 2, 5].flatMap((step) => [...Array(9).keys()].map((power) => step * 10 ** power)).sort((a, b) => a - b);

function events(columns, { noun }) {
  const bars = uPlot.paths.bars({ size: [0.9, 24], align: 1 });
  const total = columns.good.map((good, i) => (running(columns, i) ? null : good + columns.bad[i]));
  const soFar = (number, i) => (number == null ? "no data" : `${whole(null, number)}${running(columns, i) ? " so far" : ""}`);
  const all = (_, __, ___, i) => (i == null ? "–" : soFar(columns.good[i] + columns.bad[i], i));
  const failed = (_, __, ___, i) => (i == null ? "–" : soFar(columns.bad[i], i));
  const anyBad = columns.bad.some((bad) => bad);
  return {
    data: [columns.t, total, columns.bad],
    y: { range: (_, __, most) => [0, Math.max(most * 1.1, 1)] },
    yAxis: { incrs: WHOLE, values: (_, ticks) => ticks.map((tick) => (tick >= 1000 ? `${tick / 1000}k` : `${tick}`)), size: 52 },
    wide: true,
    // Bad events have a scale of their own: beside the good ones they would be invisible.
    bad: anyBad && { range: (_, __, most) => [0, Math.max(most * 1.6, 4)] },
    series: [
      series(`All ${noun}`, "edge", all, { fill: `${color("edge")}2e`, width: 1.25 }),
      anyBad
        ? series(`Bad ${noun} (right axis)`, "bad-line", failed, { scale: "bad", paths: bars, fill: color("bad-line"), width: 0 })
        : series(`Bad ${noun}`, "bad-line", failed),
    ],
  };
}

const KINDS = { budget, burn, sli, events };

// A bar stands right of its step's start: the last one needs room.
const toTheEnd = (columns) => (_, min, max) => [min, max + columns.step_seconds];

function draw(figure, columns) {
  const host = figure.querySelector(".plot");
  const kind = KINDS[figure.dataset.chart](columns, JSON.parse(figure.dataset.options));
  const old = plots.get(figure);
  const noData = shadeNoData(columns);
  const edits = JSON.parse(figure.dataset.edits || "[]");
  const lane = JSON.parse(figure.dataset.lane || "[]");
  old?.plot?.destroy();
  host.removeAttribute("data-note");
  const plot = new uPlot({
    width: host.clientWidth, height: host.classList.contains("tall") ? 260 : 200,
    tzDate: (at) => uPlot.tzDate(utc(at), "Etc/UTC"),
    cursor: { sync: { key: "slo" }, drag: { setScale: false, x: true, y: false }, points: { size: 7 }, bind: { dblclick: () => () => show(null) } },
    legend: { live: true },
    scales: { x: { time: true, ...((kind.bad || kind.wide) && { range: toTheEnd(columns) }), ...(kind.until && { range: (_, min, max) => [min, Math.max(max, kind.until)] }) }, y: kind.y, ...(kind.bad && { bad: kind.bad }) },
    axes: [
      axis({ values: times, space: 64, size: 30 }), axis(kind.yAxis),
      ...(kind.bad ? [axis({ scale: "bad", side: 1, grid: { show: false }, stroke: color("fast"), incrs: WHOLE, size: 40 })] : []),
    ],
    series: [{ label: kind.ends ? "At" : "From", value: stamp }, ...kind.series],
    hooks: {
      drawClear: [(plot) => { noData(plot); shadeExcluded(plot, columns.excluded_stretches); kind.under?.(plot); }],
      draw: [(plot) => { kind.over?.(plot); markEdits(plot, edits); drawLane(plot, lane); }],
      setSelect: [(plot) => plot.cursor.event && plot.select.width >= LEAST_DRAG && dragged(plot) && show(dragged(plot))],
      setCursor: [(plot) => plot.cursor.idx == null && plot.setLegend({ idx: plot.data[0].length - 1 })],
    },
  }, kind.data, host);
  plot.setLegend({ idx: plot.data[0].length - 1 }); // at rest it tells the newest figures
  plots.set(figure, { plot, columns, at: Date.now() });
}

// --- the stretch that was dragged over ----------------------------------------------------------

const LEAST_DRAG = 8; // pixels: less is a click

// Like what is typed above the charts it stands in the address: all charts show it, finer, and the
// link to the page says so. A double click forgets it.
const moment = (seconds) => utc(seconds).toISOString().replace(/\.\d+Z$/, "Z");

function dragged(plot) {
  const { left, width } = plot.select;
  const newest = plot.data[0].at(-1); // what is drawn beyond has not been yet
  const [from, to] = [plot.posToVal(left, "x"), Math.min(plot.posToVal(left + width, "x"), newest)];
  return from < newest ? [from, Math.max(to, from + 60)] : null;
}

function show(stretch) {
  const address = new URL(location.href);
  for (const key of ["range", "from", "to"]) address.searchParams.delete(key);
  if (stretch) ["from", "to"].forEach((key, i) => address.searchParams.set(key, moment(Math.floor(stretch[i]))));
  address.hash = "charts";
  if (address.href !== location.href) location.assign(address);
}

// --- the keyboard's cursor -----------------------------------------------------------------------

function move(figure, event) {
  const { plot } = plots.get(figure) || {};
  const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20, Home: -1e9, End: 1e9 }[event.key];
  if (!plot || !steps) return;
  event.preventDefault();
  const last = plot.data[0].length - 1;
  const at = Math.min(Math.max((plot.cursor.idx ?? (steps < 0 ? last + 1 : -1)) + steps, 0), last);
  plot.setCursor({ left: plot.valToPos(plot.data[0][at], "x"), top: plot.bbox.height / 2 / devicePixelRatio });
  const said = plot.series.map((one, i) => `${one.label} ${one.value(plot, plot.data[i][at], i, at)}`);
  figure.querySelector("[aria-live]").textContent = said.join(", ");
}

const KEPT_BY = 300; // seconds: what is no longer kept in detail is kept by five minutes

async function fetched(address, step) {
  const url = new URL(address, location.href);
  if (step) url.searchParams.set("step", step);
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`answered ${answer.status}`);
  return answer.json();
}

// Drawn finer than they are kept, counts would be spikes with holes between them.
function lumped({ step_seconds: step, t, good, bad, unknown }) {
  const full = t.filter((_, i) => good[i] + bad[i] + unknown[i]);
  return step < KEPT_BY && KEPT_BY % step === 0 && full.length > 2 && full.every((at) => at % KEPT_BY === 0);
}

async function load(figure, anew) {
  const known = plots.get(figure);
  if (known && anew) return draw(figure, known.columns);
  if (known && Date.now() - known.at < KEEP) return;
  const host = figure.querySelector(".plot");
  if (!known) host.dataset.note = "Loading";
  try {
    let columns = await fetched(figure.dataset.url);
    if (lumped(columns)) columns = await fetched(figure.dataset.url, KEPT_BY);
    const counts = figure.dataset.chart === "budget" ? columns.remaining || [] : columns.good.concat(columns.bad);
    if (counts.some((n) => n)) draw(figure, columns);
    else host.dataset.note = "No data in this stretch: nothing was counted. Choose a longer one above.";
  } catch (error) {
    // What was drawn stays: old is better than nothing, and the live dot says that it is old.
    if (!known) host.dataset.note = `The chart could not be loaded (${error.message}). The table below has the numbers.`;
  }
}

export function drawCharts({ anew = false }) {
  for (const figure of plots.keys()) if (!figure.isConnected) plots.delete(figure);
  for (const figure of document.querySelectorAll("figure[data-chart]")) load(figure, anew);
}

const resized = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const { plot } = plots.get(target.closest("figure")) || {};
    if (plot && target.clientWidth !== plot.width) plot.setSize({ width: target.clientWidth, height: plot.height });
  }
});
for (const host of document.querySelectorAll(".plot")) {
  resized.observe(host);
  host.addEventListener("keydown", (event) => move(host.closest("figure"), event));
}
