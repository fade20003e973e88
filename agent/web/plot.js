// A plot over slots (times, or classes): axes, a cursor that mouse, finger and arrow keys move, a read-out beside it,
// and a table of the same numbers below. What is drawn into it, the model says:
//
//   { n, max, axis(value), ticks: [{at, text}], draw(scale), read(slot): {title, rows: [{name, mark, text}]},
//     columns: [text], row(slot): [text], label, pick(first, last) }
//
// Its place has its height by the style sheet, so nothing moves when numbers come.
import { h, svg, put } from "./dom.js";

const LEFT = 46, RIGHT = 10, TOP = 10, BOTTOM = 22;

/** A round number not below max, and the step that divides it. */
function rounded(max) {
  const raw = max / 4 || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.9999);
  return [Math.ceil(max / step - 1e-9) * step || step, step];
}

export class Plot {
  constructor(place) {
    this.place = place;
    this.cursor = null;
    this.from = null;
    this.canvas = h("div", { class: "canvas", tabindex: 0, role: "slider", "aria-orientation": "horizontal", "aria-valuemin": 0,
      onkeydown: (e) => this.key(e), onblur: () => this.point(null),
      onpointermove: (e) => this.point(this.slot(e)), onpointerleave: () => { this.from = null; this.point(null); },
      onpointerdown: (e) => this.press(e), onpointerup: (e) => this.release(e) });
    this.tip = h("div", { class: "tip", hidden: true });
    this.table = h("details", { class: "numbers", ontoggle: () => this.fillTable() }, h("summary", {}, "As a table"));
    place.append(this.canvas, this.tip, this.table);
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  show(model) {
    if (this.model && this.model.n !== model.n) this.cursor = null;
    this.model = model;
    this.canvas.setAttribute("aria-label", `${model.label}. Arrow keys read it${model.pick ? ", Enter looks closer" : ""}.`);
    this.canvas.setAttribute("aria-valuemax", Math.max(0, model.n - 1));
    if (this.cursor === null) this.unread();
    this.draw();
    this.fillTable();
  }

  /** Instead of a plot: why there is none. */
  clear(...what) {
    this.model = null;
    this.tip.hidden = true;
    this.canvas.setAttribute("aria-label", "Nothing to plot");
    this.unread();
    put(this.canvas, ...what);
    this.fillTable();
  }

  draw() {
    const model = this.model;
    const width = this.canvas.clientWidth, height = this.canvas.clientHeight;
    if (!model || width < 50) return;
    const [top, step] = rounded(model.max);
    const w = width - LEFT - RIGHT, hgt = height - TOP - BOTTOM;
    const scale = { width: w, height: hgt, slot: w / model.n, x: (i) => LEFT + (i * w) / model.n, y: (v) => TOP + hgt - (v / top) * hgt, top };
    this.scale = scale;
    const lines = [];
    for (let v = 0; v <= top * 1.0001; v += step)
      lines.push(svg("line", { class: v ? "grid" : "base", x1: LEFT, x2: width - RIGHT, y1: scale.y(v), y2: scale.y(v) }),
        svg("text", { class: "axis", x: LEFT - 6, y: scale.y(v) + 4, "text-anchor": "end" }, model.axis(v)));
    let free = -Infinity; // where the last label ends
    const labels = [];
    for (const tick of model.ticks) {
      const x = scale.x(tick.at), half = tick.text.length * 3.3;
      if (x - half < free + 10 || x + half > width || x - half < 4) continue;
      free = x + half;
      labels.push(svg("line", { class: "tick", x1: x, x2: x, y1: TOP + hgt, y2: TOP + hgt + 4 }),
        svg("text", { class: "axis", x, y: height - 6, "text-anchor": "middle" }, tick.text));
    }
    this.mark = svg("rect", { class: "mark", y: TOP, height: hgt, width: 0 });
    put(this.canvas, svg("svg", { width, height, "aria-hidden": true }, lines, this.mark, model.draw(scale), labels));
    this.point(this.cursor);
  }

  unread() {
    this.canvas.setAttribute("aria-valuenow", 0);
    this.canvas.setAttribute("aria-valuetext", "not read yet");
  }

  slot(event) {
    if (!this.model) return null;
    const x = event.clientX - this.canvas.getBoundingClientRect().left - LEFT;
    const slot = Math.floor((x / this.scale.width) * this.model.n);
    return slot < 0 || slot >= this.model.n ? null : slot;
  }

  point(slot) {
    this.cursor = slot;
    if (!this.model || slot === null) {
      this.tip.hidden = true;
      this.mark?.setAttribute("width", 0);
      return;
    }
    const first = Math.min(slot, this.from ?? slot), last = Math.max(slot, this.from ?? slot);
    this.mark.setAttribute("x", this.scale.x(first));
    this.mark.setAttribute("width", Math.max(1, this.scale.x(last + 1) - this.scale.x(first)));
    const { title, rows } = this.model.read(slot);
    put(this.tip, h("b", {}, title), rows.map((r) => h("div", { class: "line" }, r.mark && h("i", { class: `dot ${r.mark}` }), h("span", {}, r.name), h("b", {}, r.text))));
    this.tip.hidden = false;
    const x = this.scale.x(slot + 0.5), half = this.tip.offsetWidth, room = this.canvas.clientWidth;
    this.tip.style.left = `${Math.max(0, x + 14 + half < room ? x + 14 : x - 14 - half)}px`;
    this.canvas.setAttribute("aria-valuenow", slot);
    this.canvas.setAttribute("aria-valuetext", `${title}: ${rows.map((r) => `${r.name} ${r.text}`).join(", ")}`);
  }

  key(event) {
    const n = this.model?.n;
    if (!n) return;
    const at = this.cursor;
    const to = { ArrowRight: at === null ? 0 : at + 1, ArrowLeft: at === null ? n - 1 : at - 1, Home: 0, End: n - 1,
      PageUp: (at ?? n) - 10, PageDown: (at ?? 0) + 10 }[event.key];
    if (to !== undefined) this.point(Math.max(0, Math.min(n - 1, to)));
    else if (event.key === "Enter" && at !== null) this.model.pick?.(at, at);
    else if (event.key === "Escape") this.point(null);
    else return;
    event.preventDefault();
  }

  press(event) {
    this.from = this.model?.pick && event.pointerType === "mouse" && event.button === 0 ? this.slot(event) : null;
  }

  release(event) {
    const from = this.from, to = this.slot(event);
    this.from = null;
    if (from !== null && to !== null) this.model.pick(Math.min(from, to), Math.max(from, to));
  }

  fillTable() {
    this.table.hidden = !this.model;
    if (!this.table.open || !this.model) return;
    const { columns, row, n, label } = this.model;
    this.table.querySelector(".scroll")?.remove();
    this.table.append(h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": label },
      h("table", {}, h("thead", {}, h("tr", {}, columns.map((c) => h("th", { scope: "col" }, c)))),
        h("tbody", {}, Array.from({ length: n }, (_, i) => row(i)).filter(Boolean).map((cells) =>
          h("tr", {}, cells.map((c, i) => h(i ? "td" : "th", { scope: i ? null : "row" }, c))))))));
  }
}

/** Bars on top of each other. series: [{mark, values}] */
export function stacked(series) {
  return (scale) => {
    const gap = scale.slot > 5 ? Math.min(3, scale.slot * 0.18) : 0;
    const below = [];
    return series.map(({ mark, values }) => {
      let d = "";
      values.forEach((v, i) => {
        if (!v) return;
        const low = below[i] || 0;
        below[i] = low + v;
        const y = scale.y(low + v);
        d += `M${(scale.x(i) + gap / 2).toFixed(1)} ${y.toFixed(1)}h${Math.max(0.6, scale.slot - gap).toFixed(1)}v${Math.max(0.4, scale.y(low) - y).toFixed(1)}h${(-Math.max(0.6, scale.slot - gap)).toFixed(1)}z`;
      });
      return svg("path", { class: mark, d });
    });
  };
}

/** Lines, broken where nothing is known. */
export function lines(series) {
  return (scale) => series.map(({ mark, values }) => {
    let d = "", up = true;
    values.forEach((v, i) => {
      if (v === null || v === undefined) {
        up = true;
        return;
      }
      const alone = up && (values[i + 1] === null || values[i + 1] === undefined);
      d += `${up ? "M" : "L"}${scale.x(i + 0.5).toFixed(1)} ${scale.y(v).toFixed(1)}${alone ? "h.1" : ""}`;
      up = false;
    });
    return svg("path", { class: `curve ${mark}`, d });
  });
}
