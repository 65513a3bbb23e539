/* The map: pictures of the chosen layer and date, outlines of basins and clusters. */
const FADED = 0.35;

function makeMap(data) {
  const map = L.map("map", {
    crs: L.CRS.Simple, minZoom: -14, maxZoom: 6, zoomSnap: 0.25, zoomDelta: 0.5, attributionControl: false,
    wheelPxPerZoomLevel: 90,
  });
  map.createPane("clusters").style.zIndex = 410;
  if (data.geometry === "map") L.control.scale({ imperial: false, maxWidth: 160 }).addTo(map);
  return map;
}

function corners([west, south, east, north]) {
  return L.latLngBounds([south, west], [north, east]);
}

/* One picture per stack; its address is exchanged when layer or date change. */
function makePictures(map, data) {
  return data.stacks.map((stack) => {
    const picture = L.imageOverlay("data:,", corners(stack.bounds), { alt: "", interactive: false });
    return { stack, picture, shown: true, uri: null };
  });
}

function pictureOf(stack, layer, pair) {
  if (layer in stack.fixed) return stack.fixed[layer];
  return layer in stack.dated ? stack.dated[layer][pair] : null;
}

function showPictures(map, pictures, layer, pair, title) {
  for (const entry of pictures) {
    const uri = entry.shown ? pictureOf(entry.stack, layer, pair) : null;
    if (uri === null || uri === undefined) {
      entry.picture.remove();
    } else {
      if (uri !== entry.uri) entry.picture.setUrl(uri);
      entry.picture.addTo(map);
      entry.picture.getElement().alt = `${title} of ${entry.stack.name}`;
    }
    entry.uri = uri ?? entry.uri;
  }
}

/* Enlarged pictures keep their pixels; reduced ones are smoothed, or noise would flicker. */
function matchSharpness(map, pictures) {
  for (const { picture } of pictures) {
    const image = picture.getElement();
    if (image && image.naturalWidth) image.classList.toggle("shrunk", image.getBoundingClientRect().width < image.naturalWidth);
  }
}

function polygon(shape, options) {
  return L.polygon(shape.map((part) => part.map((ring) => ring.map(([x, y]) => [y, x]))), options);
}

function makeBasins(map, data, styles, open) {
  const smallestLast = [...data.basins].sort((a, b) => b.size - a.size);
  const made = new Map();
  for (const basin of smallestLast) {
    const style = styles(basin);
    const halo = polygon(basin.shape, { color: "#fff", weight: 4.5, opacity: 0.85, fill: false, interactive: false });
    const line = polygon(basin.shape, { color: style.color, weight: 2.2, dashArray: style.dash || null, fillOpacity: 0 });
    const label = element("span", {}, basin.name);
    label.style.color = style.color;
    const icon = L.divIcon({ className: "tag", html: label, iconSize: null });
    const top = Math.max(...basin.shape.flat(2).map((point) => point[1]));
    const right = Math.max(...basin.shape.flat(2).map((point) => point[0]));
    const tag = L.marker([top, right], { icon, keyboard: false });
    for (const layer of [line, tag]) layer.on("click", () => open(basin.name));
    made.set(basin.name, { basin, halo, line, tag, group: L.layerGroup([halo, line, tag]) });
  }
  return made;
}

/* On a dated picture, basins not detected on that date fade; the chosen one is drawn stronger. */
function styleBasins(made, pair, isDated, chosen) {
  for (const [name, { basin, halo, line, tag }] of made) {
    const faded = isDated && !basin.history.found.some((entry) => entry[0] === pair);
    line.setStyle({ weight: name === chosen ? 4 : 2.2, opacity: faded ? FADED : 1 });
    halo.setStyle({ weight: name === chosen ? 7 : 4.5, opacity: faded ? FADED : 0.85 });
    tag.getElement()?.classList.toggle("pale", faded);
  }
}

function makeClusters(data) {
  const style = { pane: "clusters", color: "#111", weight: 1.6, fill: false, interactive: false };
  return L.layerGroup(data.clusters.map((cluster) => polygon(cluster.shape, style)));
}
