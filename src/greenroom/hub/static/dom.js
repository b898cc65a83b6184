// Builds elements, icons and the small controls that several views share.
import { t } from "./texts.js";

export const h = (tag, attributes, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false && child !== ""));
  return element;
};

export const icon = (name, look = "") => {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", `icon ${look}`);
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${new URL("icons.svg", import.meta.url).pathname}#i-${name}`);
  svg.append(use);
  return svg;
};

export const announce = (text) => {
  const live = document.getElementById("live");
  live.textContent = "";
  setTimeout(() => { live.textContent = text; }, 50);
};

export const note = (tone, lead, ...rest) =>
  h("div", { class: `note ${tone}`, role: tone === "bad" ? "alert" : null },
    icon(tone === "bad" ? "circle-alert" : tone === "wait" ? "clock" : "info"),
    h("div", {}, lead && h("strong", {}, lead), lead && " ", rest));

export const details = (text) =>
  h("details", {}, h("summary", {}, icon("chevron-right"), t("show_details")), h("code", {}, text));

// Returns whether the text is in the clipboard: some browsers refuse within a frame or on plain http.
const copyText = async (text) => {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = h("textarea", { class: "sr-only", readonly: true });
    area.value = text;
    document.body.append(area);
    const focused = document.activeElement;
    area.select();
    let done = false;
    try { done = document.execCommand("copy"); } catch { /* refused, too */ }
    area.remove();
    focused?.focus();
    return done;
  }
};

const selectText = (element) => {
  if (element.select) { element.focus(); element.select(); return; }
  const range = document.createRange();
  range.selectNodeContents(element);
  const selection = getSelection();
  selection.removeAllRanges();
  selection.addRange(range);
};

// A button that says "Copied" only when it worked; else it shows and selects the text to copy by hand.
export const copyButton = ({ label, what, text, shownIn = null, look = "outline", done = () => {} }) => {
  const rest = h("span", { class: "row" }, icon("copy"), label);
  const copied = h("span", { class: "row", hidden: true }, icon("check"), t("copied"));
  const manual = h("div", { class: "manual", hidden: true });
  const setCopied = (isCopied) => {
    rest.hidden = isCopied;
    copied.hidden = !isCopied;
    button.setAttribute("aria-label", `${isCopied ? t("copied") : label}: ${what}`);
  };
  const copy = async () => {
    const worked = await copyText(text);
    const keys = /Mac|iP/.test(navigator.platform) ? "\u2318C" : "Ctrl+C";
    manual.hidden = worked;
    if (worked) {
      setCopied(true);
      announce(t("copied_what", { what }));
      setTimeout(() => setCopied(false), 2000);
      done();
      return;
    }
    const area = shownIn || h("textarea", { class: "control", readonly: true, rows: 5, "aria-label": what });
    if (!shownIn) area.value = text;
    manual.replaceChildren(...(shownIn ? [] : [area]), h("p", { class: "error-text" }, t("copy_by_hand", { keys })));
    selectText(area);
    announce(t("copy_by_hand", { keys }));
  };
  const button = h("button", { type: "button", class: `button ${look}`, click: copy }, rest, copied);
  setCopied(false);
  return { button, manual };
};
