// Improves pages that work without it: copying, the theme, the search key, and pauses while the page is hidden.
const announce = (text) => {
  const region = document.getElementById("announcements");
  if (!region) return;
  region.textContent = "";
  setTimeout(() => { region.textContent = text; }, 30);
};

const copyText = async (text) => {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch { /* plain http, or no permission: copy from a selected field instead */ }
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "sr-only";
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  return copied;
};

const copy = async (button) => {
  const source = button.dataset.copyFrom && document.getElementById(button.dataset.copyFrom);
  const text = button.dataset.copy || (source ? source.value || source.textContent : "");
  const copied = await copyText(text);
  if (copied) {
    button.dataset.done = "";
    setTimeout(() => delete button.dataset.done, 2000);
  }
  const what = button.dataset.what || "Text";
  announce(copied ? `${what} copied` : `${what} could not be copied. Select it and copy it by hand.`);
};

const showPassword = (button) => {
  const field = document.getElementById(button.dataset.show);
  const shown = field.type === "text";
  field.type = shown ? "password" : "text";
  button.setAttribute("aria-pressed", String(!shown));
};

const setTheme = async (button) => {
  const theme = button.value;
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  for (const one of button.form.querySelectorAll("button[name=theme]"))
    one.setAttribute("aria-pressed", String(one === button));
  announce(`Theme: ${theme}`);
  const body = new URLSearchParams(new FormData(button.form));
  body.set("theme", theme);
  await fetch(button.form.action, { method: "POST", body, redirect: "manual" });
};

document.addEventListener("click", (event) => {
  const target = (selector) => event.target.closest(selector);
  let found;
  if ((found = target("[data-copy], [data-copy-from]"))) copy(found);
  else if ((found = target("[data-show]"))) showPassword(found);
  else if ((found = target("button[name=theme]"))) {
    event.preventDefault();
    setTheme(found);
  } else if ((found = target("[data-expand]"))) {
    const open = found.getAttribute("aria-pressed") !== "true";
    for (const one of document.querySelectorAll(`${found.dataset.expand} details`)) one.open = open;
    found.setAttribute("aria-pressed", String(open));
  }
});

document.addEventListener("keydown", (event) => {
  const focused = document.activeElement;
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(focused?.tagName || "") || focused?.isContentEditable;
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const box = document.getElementById("search");
  if (box && box.offsetParent) {
    event.preventDefault();
    box.focus();
    box.select();
  }
});

// a hidden page refreshes nothing: htmx asks before each request
document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden && event.detail.elt.matches("[data-live]")) event.preventDefault();
});
// a part that was refreshed says what changed, once
document.addEventListener("htmx:afterSwap", (event) => {
  const said = event.detail.target.dataset.announce || document.getElementById(event.detail.target.id)?.dataset.announce;
  if (said && said !== announce.last) announce(announce.last = said);
});

// behind a dialog page stands its parent, to be looked at only: without ids, which would repeat those of the dialog
const showParent = async (place) => {
  const answer = await fetch(place.dataset.behind, { headers: { accept: "text/html" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main > .page");
  if (!answer.ok || !page) return;
  for (const one of page.querySelectorAll("[id]")) one.removeAttribute("id");
  place.replaceChildren(...page.childNodes);
};
const behind = document.querySelector("[data-behind]");
if (behind?.offsetParent) showParent(behind).catch(() => {});

// after a refusal, the first wrong field has the focus
document.querySelector("[data-refused] [aria-invalid=true]")?.focus();

// a busy button says so, and is not pressed twice
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!button?.dataset.busy) return;
  if (button.getAttribute("aria-busy") === "true") { event.preventDefault(); return; }
  button.setAttribute("aria-busy", "true");
  button.lastElementChild.textContent = button.dataset.busy;
});
