/* What colours and positions mean: the legend, the labelled edges, the position under the pointer. */
function drawLegend(node, layer) {
  const unit = layer.unit ? ` (${layer.unit})` : "";
  node.replaceChildren(element("b", {}, layer.title + unit));
  if (layer.ramp.length) {
    const share = 100 / layer.ramp.length;
    const stops = layer.ramp.map((color, i) => `${color} ${i * share}% ${(i + 1) * share}%`).join(", ");
    const ramp = element("div", { class: "ramp" });
    ramp.style.background = `linear-gradient(to right, ${stops})`;
    const ticks = layer.ticks.map((tick) => {
      const mark = element("span", tick.at === 0 || tick.at === 1 ? { class: "edge" } : {}, tick.text);
      mark.style.left = `${100 * tick.at}%`;
      return mark;
    });
    node.append(ramp, element("div", { class: "ticks" }, ...ticks));
  }
  if (layer.classes.length) node.append(element("ul", { class: "classes" }, ...layer.classes.map(classItem)));
  node.append(element("p", {}, layer.note));
}

function classItem(entry) {
  const box = element("i");
  box.style.background = entry.color;
  return element("li", {}, box, entry.text);
}

/* Round steps of 1, 2 or 5 times a power of ten, about `wanted` of them. */
function roundStep(span, wanted) {
  const rough = span / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].find((factor) => factor * power >= rough) * power;
}

function drawAxes(map, axes, nodes) {
  const size = map.getSize();
  const bounds = map.getBounds();
  const low = [bounds.getWest(), bounds.getSouth()];
  const high = [bounds.getEast(), bounds.getNorth()];
  const marks = [0, 1].map((side) => axisMarks(axes, side, low[side], high[side], Math.max(2, (side ? size.y : size.x) / 130)));
  nodes.x.replaceChildren(...marks[0].map(({ share, text }) => edgeMark("left", share * size.x, text)));
  nodes.y.replaceChildren(...marks[1].map(({ share, text }) => edgeMark("top", (1 - share) * size.y, text)));
}

function axisMarks(axes, side, low, high, wanted) {
  const [first, last] = [low, high].map((value) => axes.start[side] + value * axes.step[side]);
  const step = roundStep(Math.abs(last - first), wanted);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const marks = [];
  for (let n = Math.ceil(Math.min(first, last) / step); n * step <= Math.max(first, last); n += 1) {
    const share = (n * step - first) / (last - first);
    if (share > 0.06 && share < 0.94) marks.push({ share, text: axes.text[side].replace("#", (n * step).toFixed(digits).replace("-", "−")) });
  }
  return marks;
}

function edgeMark(side, place, text) {
  const mark = element("span", {}, text);
  mark.style[side] = `${place}px`;
  return mark;
}

/* Longitude and latitude by linear interpolation in the lattice; columns and rows in radar geometry. */
function positionText(data, east, north) {
  if (!data.lattice.length) return `column ${Math.floor(east)}, row ${Math.floor(-north)}`;
  const [west, south, right, top] = data.bounds;
  const last = data.lattice.length - 1;
  const u = Math.min(Math.max(((east - west) / (right - west)) * last, 0), last - 1e-9);
  const v = Math.min(Math.max(((top - north) / (top - south)) * last, 0), last - 1e-9);
  const [i, j] = [Math.floor(u), Math.floor(v)];
  const mixed = [0, 1].map((k) => {
    const upper = data.lattice[j][i][k] * (1 - u + i) + data.lattice[j][i + 1][k] * (u - i);
    const lower = data.lattice[j + 1][i][k] * (1 - u + i) + data.lattice[j + 1][i + 1][k] * (u - i);
    return upper * (1 - v + j) + lower * (v - j);
  });
  return `${Math.abs(mixed[1]).toFixed(4)}° ${mixed[1] >= 0 ? "N" : "S"}, ${Math.abs(mixed[0]).toFixed(4)}° ${mixed[0] >= 0 ? "E" : "W"}`;
}
