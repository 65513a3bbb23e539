/* Small makers of elements, and the history of one basin as a chart. Text is always set as text, never as markup. */
const SVG = "http://www.w3.org/2000/svg";

function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

function drawn(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

function days(iso) {
  return Date.parse(iso) / 86400000;
}

function swatch(style) {
  const dash = style.dash ? { "stroke-dasharray": style.dash } : {};
  const line = { x1: 1, x2: 25, y1: 6, y2: 6, stroke: style.color, "stroke-width": 3, ...dash };
  return drawn("svg", { class: "swatch", viewBox: "0 0 26 12", "aria-hidden": "true" }, drawn("line", line));
}

/* Three strips over one time axis: detections, area, fringes. `pick` is called with the number of a clicked pair. */
function historyChart(basin, pairs, color, areaUnit, now, pick) {
  const frame = { left: 58, right: 332, begin: days(pairs[0].first), end: Math.max(...pairs.map((p) => days(p.last))) };
  const x = (day) => frame.left + ((day - frame.begin) / (frame.end - frame.begin)) * (frame.right - frame.left);
  const chart = drawn("svg", { class: "history", viewBox: "0 0 340 178", role: "img", "aria-label": `History of basin ${basin.name}` });
  const found = new Map(basin.history.found.map((entry) => [entry[0], entry]));
  const box = { left: x(days(pairs[now].first)), right: x(days(pairs[now].last)) };
  chart.append(drawn("rect", { x: box.left, y: 6, width: box.right - box.left, height: 148, fill: "#ffe7b3" }));
  chart.append(drawn("text", { x: 0, y: 22, class: "name" }, "detected"));
  pairs.forEach((pair, number) => chart.append(detectionBar(basin, pair, number, found.get(number), color, x, pick)));
  strip(chart, basin, pairs, { name: "area", unit: areaUnit, column: 2, scale: areaUnit === "ha" ? 1e-4 : 1, top: 44 }, x, color);
  strip(chart, basin, pairs, { name: "fringes", unit: "", column: 3, scale: 1, top: 104 }, x, color);
  timeAxis(chart, pairs, x, frame);
  return chart;
}

function detectionBar(basin, pair, number, entry, color, x, pick) {
  const observed = basin.history.observed[number] === "1";
  const left = x(days(pair.first)) + 0.5;
  const paint = entry ? { fill: color } : observed ? { fill: "#dfe5ea" } : { fill: "#fff", stroke: "#b9c4cf", "stroke-dasharray": "2 2" };
  const text = entry ? `detected, score ${entry[1] ?? "unknown"}` : observed ? "observed, not detected" : "not observed";
  const place = { x: left, y: 10, width: Math.max(1, x(days(pair.last)) - left - 0.5), height: 18, "data-pair": number };
  const bar = drawn("rect", { ...place, ...paint }, drawn("title", {}, `${pair.first} to ${pair.last}: ${text}`));
  bar.addEventListener("click", () => pick(number));
  return bar;
}

function strip(chart, basin, pairs, kind, x, color) {
  const height = 44;
  const points = basin.history.found
    .filter((entry) => entry[kind.column] !== null)
    .map((entry) => [(x(days(pairs[entry[0]].first)) + x(days(pairs[entry[0]].last))) / 2, entry[kind.column] * kind.scale]);
  const top = Math.max(...points.map((point) => point[1]), 0);
  const base = kind.top + height;
  const y = (value) => base - (top > 0 ? (value / top) * (height - 8) : 0);
  chart.append(drawn("text", { x: 0, y: kind.top + 22, class: "name" }, kind.name));
  chart.append(drawn("line", { x1: 58, x2: 332, y1: base, y2: base, stroke: "#b9c4cf" }));
  if (!points.length) {
    chart.append(drawn("text", { x: 62, y: base - 6 }, "not measured: too little coherence"));
    return;
  }
  chart.append(drawn("text", { x: 0, y: kind.top + 35 }, `to ${written(top)} ${kind.unit}`.trim()));
  chart.append(drawn("polyline", { points: points.map((p) => `${p[0]},${y(p[1])}`).join(" "), fill: "none", stroke: color, "stroke-width": 1.5 }));
  for (const [left, value] of points) {
    chart.append(drawn("circle", { cx: left, cy: y(value), r: 2.6, fill: color }, drawn("title", {}, `${written(value)} ${kind.unit}`.trim())));
  }
}

function timeAxis(chart, pairs, x, frame) {
  chart.append(drawn("text", { x: frame.left, y: 170 }, pairs[0].first));
  const last = pairs.reduce((latest, pair) => (pair.last > latest ? pair.last : latest), pairs[0].last);
  chart.append(drawn("text", { x: frame.right, y: 170, "text-anchor": "end" }, last));
}

function written(value) {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2).replace(/0$/, "");
}

function signed(value) {
  return value.toFixed(1).replace("-", "−");
}
