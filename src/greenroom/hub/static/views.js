// The views of the hub. Each shows itself; what happens next is given by the caller.
import { burst, heading, pair, primary, show, tile } from "./card.js";
import { announce, copyButton, h, icon, note } from "./dom.js";
import { ago, t } from "./texts.js";

export const showMessage = ({ title, text, hint = null, tone = "wait", symbol = "clock", action, options }) => show({
  title,
  options,
  body: [heading(title, text, burst(symbol, tone)), hint && h("p", { class: "soft" }, hint), action],
});

export const showPicker = ({ integrations, pick, options }) => {
  const list = h("ul", { class: "pick" });
  const none = h("p", { class: "soft", role: "status" });
  const fill = (query) => {
    const found = integrations.filter((one) => one.name.toLowerCase().includes(query.trim().toLowerCase()));
    list.replaceChildren(...found.map((one) => h("li", {}, h("button", { type: "button", click: () => pick(one) },
      tile(one.name, null, "ats"), h("span", {}, h("b", {}, one.name)), icon("chevron-right")))));
    none.textContent = found.length ? "" : t("picker_none", { query });
  };
  fill("");
  const input = h("input", { id: "search", type: "search", placeholder: t("picker_search"), autocomplete: "off", input: () => fill(input.value) });
  const search = h("div", { class: "find", role: "search" }, icon("search"), h("label", { class: "sr-only", for: "search" }, t("picker_search")), input);
  show({
    title: t("picker_title"),
    options,
    body: [heading(t("picker_title"), t("picker_lead")), search, list, none, h("p", { class: "small muted" }, t("picker_missing"))],
  });
};

const tokenBox = (token, done) => {
  const output = h("output", { id: "token", "aria-labelledby": "token-label" }, token);
  const { button, manual } = copyButton({ label: t("copy"), what: t("token_label"), text: token, shownIn: output, done });
  return h("div", { class: "stack-s" }, h("h2", { class: "mini", id: "token-label" }, t("token_label")),
    h("div", { class: "token" }, output, button), manual);
};

export const showForm = ({ integration, config, token, form, isEdit, back, copied, options }) => {
  const title = t(isEdit ? "form_title_edit" : "form_title", { name: integration.name });
  const notices = (config.configNotices || []).map((one) => note(one.type === "warning" ? "wait" : "info", "", one.description));
  show({
    title,
    back,
    options,
    body: [
      heading(title, t("form_lead", { name: integration.name }), pair(integration.name)),
      notices,
      token && tokenBox(token, copied),
      form.element,
    ],
  });
};

const emailSteps = (name, guide) => {
  const lines = guide.map((step, number) => `${number + 1}. ${step.title}\n${step.text}`);
  const ticket = guide.find((step) => step.copy_text);
  const body = [t("mail_intro", { name }), ...lines, ...(ticket ? [`${ticket.copy_label}:\n${ticket.copy_text}`] : [])];
  const subject = encodeURIComponent(t("mail_subject", { name }));
  const href = `mailto:?subject=${subject}&body=${encodeURIComponent(body.join("\n\n").replace(/\n/g, "\r\n"))}`;
  return h("a", { class: "button ghost", href }, icon("mail"), t("mail_button"));
};

const stepItem = (step, state, extra) => h("li", { class: state, "aria-current": state === "now" ? "step" : null },
  state === "done" && h("span", { class: "tick" }, icon("check"), h("span", { class: "sr-only" }, t("step_done"))),
  h("h2", {}, step.title), h("p", {}, step.text), extra);

const buildSteps = (name, guide, facts) => {
  const list = h("ol", { class: "steps" });
  const state = { ...facts };
  const extras = guide.map((step) => {
    if (!step.copy_text) return null;
    const { button, manual } = copyButton({ label: step.copy_label, what: t("ticket_what"), text: step.copy_text });
    return h("div", {}, h("div", { class: "row wrap" }, button, emailSteps(name, guide)), manual);
  });
  const update = (changes) => {
    Object.assign(state, changes);
    const now = guide.findIndex((step) => !state[step.done]);
    list.replaceChildren(...guide.map((step, number) =>
      stepItem(step, state[step.done] ? "done" : number === now ? "now" : "later", extras[number])));
  };
  update({});
  return { list, update };
};

// The token with what is left to do. Returns `update(usedAt)` for news of the token's use.
export const showLinked = ({ integration, guide, token, usedAt, copied, finish, options }) => {
  const { name } = integration;
  const steps = buildSteps(name, guide, { copy: copied || Boolean(usedAt), use: Boolean(usedAt) });
  const symbol = h("div", {});
  const lead = h("p", { class: "lead" });
  const title = h("h1", {});
  const live = h("div", { class: "live", role: "status" }, h("span", { class: "pulse", "aria-hidden": "true" }), h("span", {}));
  const button = primary("", finish);
  let shown = null;
  const update = (time) => {
    const text = time ? t("live_used", { name, ago: ago(time) }) : t("live_unused", { name });
    const small = time ? "" : t("live_waiting");
    if (shown !== text) live.lastChild.replaceChildren(text, ...(small ? [h("small", {}, small)] : []));
    shown = text;
    live.classList.toggle("ok", Boolean(time));
    if (Boolean(time) === (live.dataset.used === "true") && title.textContent) return;
    live.dataset.used = String(Boolean(time));
    title.textContent = t(time ? "connected_title" : "linked_title", { name });
    lead.textContent = t(time ? "connected_lead" : "linked_lead", { name });
    symbol.replaceChildren(time ? burst("badge-check") : pair(name));
    button.textContent = t(options.canClose ? (time ? "close" : "done_for_now") : "done");
    if (time) steps.update({ copy: true, use: true });
  };
  update(usedAt);
  show({
    title: title.textContent,
    options,
    body: [
      h("div", { class: "stack-s" }, symbol, h("div", {}, title, lead)),
      token && tokenBox(token, () => steps.update({ copy: true })),
      steps.list,
      live,
      button,
    ],
  });
  return update;
};

// Progress of a submit or a consent in another window.
export const showSlow = (form, name, cancel) => {
  if (form.progress.firstChild) return;
  form.progress.replaceChildren(h("div", { class: "note wait", role: "status" }, icon("clock"), h("div", {}, t("slow", { name }), " ",
    h("button", { type: "button", class: "link", click: cancel }, t("slow_cancel")))));
};

export const showConsent = (form, name, cancel, url) => {
  form.progress.replaceChildren(h("div", { class: "note info" }, icon("external-link"), h("div", {},
    h("p", { role: "status" }, t("consent_waiting", { name })),
    h("div", { class: "row wrap" },
      url && h("a", { class: "button outline", href: url, target: "_blank", rel: "noopener" }, t("consent_open")),
      h("button", { type: "button", class: "button ghost", click: cancel }, t("cancel"))))));
};

export const showExpiry = (seconds, stay) => {
  const bar = document.getElementById("expiry");
  if (seconds === null) { bar.replaceChildren(); return; }
  if (bar.firstChild) return;
  const text = stay ? t("expiry_text") : t("expiry_final");
  bar.replaceChildren(h("div", { class: "note wait" }, icon("timer"), h("div", {}, h("strong", {}, t("expiry_title")), " ", text, " ",
    stay && h("button", { type: "button", class: "button outline", click: stay }, t("expiry_stay")))));
  announce(`${t("expiry_title")} ${text}`);
};
