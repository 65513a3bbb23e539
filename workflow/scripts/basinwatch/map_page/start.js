/* The state of the page and what changes it. */
const data = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);
const byName = new Map(data.basins.map((basin) => [basin.name, basin]));
const styleOf = (basin) => data.states[basin.state] ?? { color: "#333", dash: "" };
const presentStates = [...new Set([...Object.keys(data.states), ...data.basins.map((b) => b.state)])].filter((state) =>
  data.basins.some((basin) => basin.state === state),
);
const state = {
  layer: data.layers[0].key, pair: data.pairs.length - 1, chosen: null, timer: null,
  filter: { states: new Set(presentStates), since: "", size: 0, score: 0 },
};
const map = makeMap(data);
const pictures = makePictures(map, data);
const basins = makeBasins(map, data, styleOf, open);
const clusters = makeClusters(data);
const outlines = L.layerGroup().addTo(map);
const visible = () => data.basins.filter((basin) => passes(basin, data, state.filter));
const isDated = () => data.stacks.some((stack) => state.layer in stack.dated);

function draw() {
  const layer = data.layers.find((entry) => entry.key === state.layer);
  showPictures(map, pictures, state.layer, state.pair, layer.title);
  drawLegend(at("legend"), layer);
  const shown = visible();
  const names = new Set(shown.map((basin) => basin.name));
  for (const [name, { group }] of basins) names.has(name) ? outlines.addLayer(group) : outlines.removeLayer(group);
  styleBasins(basins, state.pair, isDated(), state.chosen);
  drawList(at("list"), data, shown, styleOf, state.chosen, open);
  at("count").textContent = data.basins.length ? `${shown.length} of ${data.basins.length} basins` : "No basins were found";
  if (data.pairs.length) {
    at("date").value = state.pair;
    dateText(at("date-text"), data.pairs[state.pair], drawBars(at("bars"), data, shown, state.pair));
    at("date").setAttribute("aria-valuetext", at("date-text").textContent);
  }
  if (state.chosen !== null) {
    drawCard(at("card"), data, byName.get(state.chosen), styleOf(byName.get(state.chosen)), state.pair, { step, close, pick: setPair });
  }
}

function setLayer(key) {
  state.layer = key;
  const input = document.querySelector(`#layers input[value="${key}"]`);
  if (input) input.checked = true;
  draw();
}

function setPair(number) {
  state.pair = Math.min(Math.max(number, 0), data.pairs.length - 1);
  draw();
}

function open(name) {
  state.chosen = name;
  draw();
  at("card").hidden = false;
  at("stage").classList.add("open");
  at("card").scrollTop = 0;
  at("card-name").focus({ preventScroll: true });
  reveal(byName.get(name).place);
}

/* Move the map if a place is outside it or under the card. */
function reveal([x, y]) {
  const whole = at("map").getBoundingClientRect();
  const card = at("card").getBoundingClientRect();
  const beside = card.left - whole.left > 200;
  const free = beside ? { x: card.left - whole.left, y: whole.height } : { x: whole.width, y: Math.min(card.top, whole.bottom) - whole.top };
  const point = map.latLngToContainerPoint([y, x]);
  const inside = point.x > 60 && point.x < free.x - 40 && point.y > 40 && point.y < free.y - 40;
  if (!inside) map.panBy([point.x - free.x / 2, point.y - Math.max(free.y, 80) / 2]);
}

function close() {
  const was = state.chosen;
  state.chosen = null;
  at("card").hidden = true;
  at("stage").classList.remove("open");
  draw();
  const place = visible().findIndex((basin) => basin.name === was);
  at("list").children[place]?.firstChild.focus({ preventScroll: true });
}

function step(by) {
  const names = visible().map((basin) => basin.name);
  if (!names.length) return;
  const place = names.indexOf(state.chosen);
  open(names[place < 0 ? 0 : (place + by + names.length) % names.length]);
}

function play() {
  const on = state.timer === null;
  if (on) {
    state.timer = setInterval(() => setPair((state.pair + 1) % data.pairs.length), 700);
  } else {
    clearInterval(state.timer);
    state.timer = null;
  }
  at("play").setAttribute("aria-pressed", String(on));
  at("play").textContent = on ? "Stop" : "Play";
}

function fit() {
  map.fitBounds(corners(data.bounds), { animate: false, padding: [4, 4] });
}

function buildPanel() {
  data.layers.forEach((layer, number) => {
    at("layers").append(choice("radio", "layer", layer.key, layer.title, number === 0, () => setLayer(layer.key), number + 1));
  });
  const toggle = (layer) => (on) => (on ? layer.addTo(map) : layer.remove());
  at("shown").append(choice("checkbox", "shown", "basins", "Basins", true, toggle(outlines)));
  if (data.clusters.length) at("shown").append(choice("checkbox", "shown", "clusters", "Outlines of hot spots", false, toggle(clusters)));
  if (pictures.length > 1) {
    for (const entry of pictures) {
      at("shown").append(choice("checkbox", "stack", entry.stack.name, `Picture of ${entry.stack.title}`, true, (on) => { entry.shown = on; draw(); }));
    }
  }
  for (const name of presentStates) {
    const count = data.basins.filter((basin) => basin.state === name).length;
    const label = choice("checkbox", "state", name, `${name} (${count})`, true, (on) => { state.filter.states[on ? "add" : "delete"](name); draw(); });
    label.insertBefore(swatch(data.states[name] ?? styleOf({ state: name })), label.childNodes[1]);
    at("states").append(label);
  }
  at("size-label").textContent = `Area at least (${areaUnit(data)})`;
  at("filters").hidden = !data.basins.length;
}

function listen() {
  at("date").max = Math.max(0, data.pairs.length - 1);
  at("date").addEventListener("input", () => setPair(Number(at("date").value)));
  at("earlier").addEventListener("click", () => setPair(state.pair - 1));
  at("later").addEventListener("click", () => setPair(state.pair + 1));
  at("play").addEventListener("click", play);
  at("opacity").addEventListener("input", () => pictures.forEach((entry) => entry.picture.setOpacity(at("opacity").value / 100)));
  at("since").addEventListener("change", () => { state.filter.since = at("since").value; draw(); });
  for (const name of ["size", "score"]) {
    at(name).addEventListener("input", () => { state.filter[name] = Number(at(name).value) || 0; draw(); });
  }
  at("reset").addEventListener("click", resetFilters);
  at("keys-open").addEventListener("click", () => at("keys").showModal());
  document.addEventListener("keydown", onKey);
  map.on("move zoom resize viewreset", () => drawAxes(map, data.axes, { x: at("axis-x"), y: at("axis-y") }));
  map.on("zoomend", () => matchSharpness(map, pictures));
  pictures.forEach(({ picture }) => picture.on("load", () => matchSharpness(map, pictures)));
  map.on("mousemove", (event) => { at("readout").textContent = positionText(data, event.latlng.lng, event.latlng.lat); });
  new ResizeObserver(() => map.invalidateSize({ animate: false })).observe(at("map"));
}

function resetFilters() {
  state.filter = { states: new Set(presentStates), since: "", size: 0, score: 0 };
  document.querySelectorAll("#states input").forEach((input) => { input.checked = true; });
  at("since").value = "";
  at("size").value = at("score").value = 0;
  draw();
}

function onKey(event) {
  const typing = event.target.matches('input[type="number"], input[type="date"]');
  if (event.ctrlKey || event.altKey || event.metaKey || typing || at("keys").open) return;
  const actions = {
    ",": () => setPair(state.pair - 1), ".": () => setPair(state.pair + 1), n: () => step(1), p: () => step(-1), 0: fit,
    Escape: () => state.chosen !== null && close(), "?": () => at("keys").showModal(),
  };
  data.layers.forEach((layer, number) => { actions[number + 1] = () => setLayer(layer.key); });
  if (Object.hasOwn(actions, event.key)) {
    event.preventDefault();
    actions[event.key]();
  }
}

at("north").hidden = data.geometry === "radar";
at("dates").hidden = !data.pairs.length;
buildPanel();
listen();
fit();
draw();
const asked = new URLSearchParams(location.hash.slice(1)).get("basin");
if (byName.has(asked)) open(asked);
