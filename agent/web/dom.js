// Elements. Text goes into the page as text alone: nothing here, or anywhere in this page, takes markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "css") for (const [key, to] of Object.entries(value)) node.style.setProperty(key, to);
    else node.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(9)) if (child !== null && child !== undefined && child !== false) node.append(child);
  return node;
}

/** An element with attributes (onclick: a listener, css: properties) and children: elements, texts, or lists of them. */
export const h = (tag, props, ...children) => fill(document.createElement(tag), props, children);
export const svg = (tag, props, ...children) => fill(document.createElementNS(SVG, tag), props, children);
export const $ = (id) => document.getElementById(id);

/** Puts children in the place of what is there. What had the focus, by its data-key, has it again. */
export function put(place, ...children) {
  const key = place.contains(document.activeElement) && document.activeElement.dataset.key;
  place.replaceChildren(...children.flat(9).filter((child) => child !== null && child !== undefined && child !== false));
  if (key) place.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}

/** A group of radio buttons that looks like one of switches. */
export function segments(fieldset, name, choices, pick) {
  for (const [value, text] of choices)
    fieldset.append(h("label", {}, h("input", { type: "radio", name, value, onchange: () => pick(value) }), h("span", {}, text)));
  return (value) => {
    for (const input of fieldset.querySelectorAll("input")) input.checked = input.value === value;
  };
}

/** columns: {text, number, cell(row), title(row)}; of a narrow screen, each cell has its column's name before it. */
export function table(caption, columns, rows, props = {}) {
  return h("table", { class: "rows", ...props },
    h("caption", { class: "hidden" }, caption),
    h("thead", {}, h("tr", {}, columns.map((c) => h("th", { scope: "col", class: c.number && "number" }, c.text)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, columns.map((c, i) =>
      h(i === 0 ? "th" : "td", { scope: i === 0 && "row", class: c.number ? "number" : c.class, "data-name": c.text, title: c.title?.(row) },
        c.cell(row)))))));
}

/** What is said where there is nothing to show. */
export const empty = (text, ...more) => h("p", { class: "empty" }, text, more);

export function say(text) {
  const node = $("said");
  node.textContent = text;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => (node.textContent = ""), 8000);
}

/** Asks before something is done; true: do it. */
export function confirmed(title, text, yes) {
  const dialog = $("confirm");
  const buttons = dialog.querySelectorAll("button");
  $("confirm-title").textContent = title;
  $("confirm-text").textContent = text;
  buttons[1].textContent = yes;
  dialog.showModal();
  return new Promise((done) => {
    const end = (event) => {
      for (const button of buttons) button.onclick = null;
      dialog.onclose = null;
      dialog.close();
      done(event.currentTarget.dataset.answer === "yes");
    };
    for (const button of buttons) button.onclick = end;
    // The event comes a moment after the dialog has shut: if it is open again by then, the event is the last question's.
    dialog.onclose = () => dialog.open || done(false);
  });
}
