/* Everything beside the map: choice of picture, filters, the list, the card. */
function choice(kind, group, name, text, checked, changed, key = null) {
  const input = element("input", { type: kind, name: group, value: name });
  input.checked = checked;
  input.addEventListener("change", () => changed(input.checked));
  return element("label", {}, input, text, key === null ? null : element("kbd", {}, key));
}

function areaUnit(data) {
  return data.geometry === "radar" ? "px" : "ha";
}

function areaOf(data, squareUnits) {
  return squareUnits === null ? null : squareUnits * (areaUnit(data) === "ha" ? 1e-4 : 1);
}

function passes(basin, data, filter) {
  return (
    filter.states.has(basin.state) &&
    (!filter.since || basin.first >= filter.since) &&
    (areaOf(data, basin.size) ?? 0) >= filter.size &&
    (basin.score ?? 0) >= filter.score
  );
}

function drawList(node, data, basins, styles, chosen, open) {
  node.replaceChildren(
    ...basins.map((basin) => {
      const size = basin.size === null ? "" : `${written(areaOf(data, basin.size))} ${areaUnit(data)}`;
      const button = element(
        "button",
        { type: "button", "aria-current": String(basin.name === chosen) },
        swatch(styles(basin)), element("b", {}, basin.name), element("span", {}, basin.state), element("span", {}, size),
        basin.evidence.startsWith("weak") ? element("i", {}, "weak evidence") : null,
      );
      button.addEventListener("click", () => open(basin.name));
      return element("li", {}, button);
    }),
  );
}

function facts(data, basin) {
  const found = basin.history.found.length;
  const observed = [...basin.history.observed].filter((flag) => flag === "1").length;
  const distance = data.geometry === "radar" ? "px" : "m";
  const rows = [
    ["first to last seen", `${basin.first} to ${basin.last}`],
    ["active", `${basin.active} of ${basin.watched} days`],
    ["detected", `in ${found} of ${observed} pairs`],
    ["area", basin.size === null ? "unknown" : `${written(areaOf(data, basin.size))} ${areaUnit(data)}`],
    ["evidence", basin.evidence],
    ["best score", basin.score === null ? "unknown" : basin.score.toFixed(2)],
  ];
  for (const rate of basin.rates) {
    const name = data.stacks.length > 1 ? ` (${rate.stack})` : "";
    const known = rate.mean !== null && rate.measured !== 0;
    rows.push([`mean rate${name}`, known ? `${signed(rate.mean)} mm/yr` : "none"]);
    if (known && rate.strongest !== null) rows.push([`strongest${name}`, `${signed(rate.strongest)} mm/yr`]);
    if (known && rate.measured !== null && rate.measured < 1) rows.push([`rate known in${name}`, `${Math.round(100 * rate.measured)} % of it`]);
  }
  if (basin.hotspot) {
    const away = basin.hotspot.distance === 0 ? "overlaps" : `${basin.hotspot.distance.toLocaleString("en")} ${distance} away`;
    rows.push(["nearest hot spot", `${basin.hotspot.name}, ${away}`]);
  }
  rows.push(["middle", basin.position]);
  return rows;
}

function drawCard(node, data, basin, style, pair, actions) {
  const act = (text, label, action) => {
    const button = element("button", { type: "button", "aria-label": label }, text);
    button.addEventListener("click", action);
    return button;
  };
  const head = element(
    "header", {},
    element("h2", { id: "card-name", tabindex: "-1" }, basin.name),
    element("span", { class: "state" }, swatch(style), basin.state),
    act("◀", "Previous basin", () => actions.step(-1)), act("▶", "Next basin", () => actions.step(1)),
    act("✕", "Close the card", actions.close),
  );
  const list = element("dl", {}, ...facts(data, basin).flatMap(([key, value]) => [element("dt", {}, key), element("dd", {}, value)]));
  const blind = basin.blind === null ? null : element("p", { class: "blind" }, `Not in the rate map: ${basin.blind}.`);
  node.replaceChildren(head, ...(blind ? [blind] : []), historyChart(basin, data.pairs, style.color, areaUnit(data), pair, actions.pick), list);
}

function drawBars(node, data, basins, pair) {
  const counts = data.pairs.map((_, number) => basins.filter((b) => b.history.found.some((entry) => entry[0] === number)).length);
  const top = Math.max(1, ...counts);
  node.replaceChildren(
    ...counts.map((count, number) => {
      const bar = element("i", number === pair ? { class: "now" } : {});
      bar.style.height = `${Math.max(4, (100 * count) / top)}%`;
      return bar;
    }),
  );
  return counts[pair] ?? 0;
}

function dateText(node, entry, count) {
  const span = days(entry.last) - days(entry.first);
  node.replaceChildren(element("b", {}, `${entry.first} to ${entry.last}`), ` · ${span} days · ${count} detected`);
}
