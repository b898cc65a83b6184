// The card around every view: header with Back and Close, body, footer; and the confirmation before typed values are lost.
import { h, icon } from "./dom.js";
import { t } from "./texts.js";

const card = document.getElementById("hub");
let isDirty = () => false;
let takesFocus = true;
// The next view leaves the focus where it is.
export const keepFocus = () => { takesFocus = false; };
export const guard = (check) => { isDirty = check; };

export const tile = (name, logo, look = "") => {
  const letter = (name || "?").trim().charAt(0).toUpperCase();
  if (!logo) return h("span", { class: `tile ${look}`, "aria-hidden": "true" }, letter);
  const image = h("img", { class: `tile ${look}`, src: logo, alt: "" });
  image.addEventListener("error", () => image.replaceWith(tile(name, null, look)), { once: true });
  return image;
};

export const vendorTile = (look) => tile(document.body.dataset.vendor, document.body.dataset.logo, `vendor ${look || ""}`);

const wire = () => h("span", { class: "wire" }, ...Array.from({ length: 4 }, () => h("i", {})));

export const pair = (name) => h("div", { class: "pair", "aria-hidden": "true" }, vendorTile(), wire(), tile(name, null, "ats"));

// Shows a view, and moves the focus to its heading, so that screen readers read it.
export const show = ({ title, body, back = null, options }) => {
  guard(() => false);
  const brand = h("span", { class: "row brand" }, vendorTile("small"), h("b", {}, document.body.dataset.vendor));
  const left = back && options.back !== false
    ? h("button", { type: "button", class: "button ghost", click: back }, icon("arrow-left"), t("back"))
    : brand;
  const cross = options.canClose &&
    h("button", { type: "button", class: "button ghost square", "aria-label": t("close"), click: options.close }, icon("x"));
  const foot = h("footer", {}, h("span", { class: "row" }, icon("lock"), t("encrypted")));
  card.setAttribute("aria-label", title);
  card.removeAttribute("aria-busy");
  card.replaceChildren(h("header", {}, left, cross), h("div", { class: "body" }, body), foot);
  document.title = `${title} \u00b7 ${document.body.dataset.vendor}`;
  const heading = card.querySelector("h1");
  heading.tabIndex = -1;
  if (takesFocus) heading.focus({ preventScroll: true });
  takesFocus = true;
  window.scrollTo(0, 0);
};

// Resolves with whether the window may close: typed values are lost with it.
export const mayClose = async () => {
  if (!isDirty()) return true;
  const dialog = h("dialog", { class: "confirm", "aria-labelledby": "confirm-title" },
    h("h2", { id: "confirm-title" }, t("discard_title")),
    h("p", {}, t("discard_text")),
    h("form", { method: "dialog", class: "row" },
      h("button", { class: "button primary", value: "stay" }, t("discard_stay")),
      h("button", { class: "button outline", value: "close" }, t("discard_close"))));
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "close");
    }, { once: true });
  });
};

export const heading = (title, lead, top = null) =>
  h("div", { class: "stack-s" }, top, h("div", {}, h("h1", {}, title), lead && h("p", { class: "lead" }, lead)));

export const burst = (name, tone = "") => h("span", { class: `burst ${tone}` }, icon(name));
export const primary = (label, click) => h("button", { type: "button", class: "button primary block", click }, label);
