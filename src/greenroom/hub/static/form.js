// The form of one integration, generated from its fields. Values stay in the form whatever the answer is.
import { details, h, icon, note } from "./dom.js";
import { t } from "./texts.js";

export const TOKEN_KEY = "external-trigger-token";
const MASK = /^__secretvalue:\*\*redacted\*\*(.*)$/;

const sentence = (text) => text.trim().replace(/^./u, (first) => first.toUpperCase());
const isSecret = (field) => field.secret || field.type === "password";

const choose = (field, attributes) =>
  h("select", attributes, h("option", { value: "" }, field.placeholder || t("choose")),
    (field.options || []).map((one) => h("option", { value: one.value, selected: one.value === field.value }, one.label)));

const control = (field, id, describedBy) => {
  const attributes = {
    id, name: field.key, class: "control", "aria-describedby": describedBy, placeholder: field.placeholder || null,
    readonly: Boolean(field.readOnly), "aria-required": field.required ? "true" : null,
  };
  if (field.type === "select") return choose(field, attributes);
  if (field.type === "text_area") return h("textarea", { ...attributes, rows: 4 });
  const type = isSecret(field) ? "password" : "text";
  const inputmode = field.type === "number" ? "numeric" : null;
  return h("input", { ...attributes, type, inputmode, autocomplete: type === "password" ? "new-password" : "off", spellcheck: "false" });
};

const eye = (input, label) => {
  const button = h("button", { type: "button", class: "button outline square", "aria-label": t("show_value", { label }), "aria-pressed": "false" }, icon("eye"));
  button.addEventListener("click", () => {
    const shown = input.type === "text";
    input.type = shown ? "password" : "text";
    button.setAttribute("aria-pressed", String(!shown));
    button.replaceChildren(icon(shown ? "eye" : "eye-off"));
  });
  return button;
};

// One field: its label, help, control, error. A saved secret shows its tail until "Replace" is pressed.
class Field {
  constructor(spec, saved) {
    this.spec = spec;
    this.id = `field-${spec.key}`;
    const help = spec.description && h("p", { class: "help", id: `${this.id}-help` }, spec.description);
    this.error = h("p", { class: "error-text", id: `${this.id}-error`, hidden: true });
    const describedBy = [help && help.id, this.error.id].filter(Boolean).join(" ");
    this.input = control(spec, this.id, describedBy);
    const stored = MASK.exec(saved ?? "");
    this.isKept = Boolean(stored);
    if (!stored) this.input.value = saved ?? spec.value ?? "";
    this.initial = this.input.value;
    const entry = isSecret(spec) ? h("div", { class: "with" }, this.input, eye(this.input, spec.label)) : this.input;
    const label = h("label", { for: this.id }, spec.label, !spec.required && !stored && h("span", { class: "optional" }, ` ${t("optional")}`));
    this.element = h("div", { class: "field" }, label, help, stored ? this.mask(stored[1], entry, label) : entry, this.error);
  }

  mask(tail, entry, label) {
    const line = h("span", { class: "saved", id: this.id }, tail ? t("saved_tail", { tail }) : t("saved"));
    const replace = h("button", { type: "button", class: "button outline", "aria-label": t("replace_what", { label: this.spec.label }) }, t("replace"));
    const kept = h("div", { class: "with" }, line, replace);
    label.removeAttribute("for");
    line.removeAttribute("id");
    replace.addEventListener("click", () => {
      this.isKept = false;
      label.setAttribute("for", this.id);
      kept.replaceWith(entry);
      this.input.focus();
    });
    return kept;
  }

  get value() { return this.input.value.trim(); }
  get isChanged() { return !this.isKept && this.input.value !== this.initial; }

  // Returns the problem of the value, or "".
  check() {
    const { label, required, validation, type } = this.spec;
    if (this.isKept) return "";
    if (!this.value) return required ? t("error_required", { label }) : "";
    if (type === "number" && !/^-?\d+(\.\d+)?$/.test(this.value)) return t("error_number", { label });
    if (validation && validation.type === "html-pattern" && validation.pattern) {
      try {
        if (!new RegExp(`^(?:${validation.pattern})$`, "u").test(this.value)) return validation.error || t("error_pattern", { label });
      } catch { /* a pattern that this browser cannot read: the server checks */ }
    }
    return "";
  }

  showError(problem) {
    this.error.hidden = !problem;
    this.error.replaceChildren(...(problem ? [icon("circle-alert"), h("span", { role: "alert" }, problem)] : []));
    if (problem) this.input.setAttribute("aria-invalid", "true");
    else this.input.removeAttribute("aria-invalid");
  }
}

export class Form {
  // `saved` has the stored values of an account that is edited; `submit(values, form)` sends them.
  constructor({ specs, saved = {}, label, busyLabel, submit, top = [] }) {
    this.fields = specs.map((spec) => new Field(spec, saved[spec.key]));
    this.summary = h("div", {});
    this.progress = h("div", {});
    this.label = label;
    this.busyLabel = busyLabel;
    this.button = h("button", { type: "submit", class: "button primary block" }, label);
    this.submit = submit;
    this.element = h("form", { class: "form", novalidate: true }, this.summary, top,
      this.fields.map((field) => field.element), this.progress, this.button);
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.button.getAttribute("aria-busy") !== "true") this.send();
    });
    this.element.addEventListener("input", (event) => {
      const field = this.fields.find((one) => one.input === event.target);
      if (field && !field.error.hidden && !field.check()) field.showError("");
    });
  }

  get isDirty() { return this.fields.some((field) => field.isChanged); }

  send() {
    const problems = this.fields.map((field) => [field, field.check()]).filter(([, problem]) => problem);
    this.showErrors(problems);
    if (problems.length) return;
    const sent = this.fields.filter((field) => !field.isKept && !field.spec.readOnly && field.value);
    this.submit(Object.fromEntries(sent.map((field) => [field.spec.key, field.value])), this);
  }

  setBusy(busy) {
    this.button.setAttribute("aria-busy", String(busy));
    this.button.replaceChildren(...(busy ? [icon("loader-circle", "turning"), this.busyLabel] : [this.label]));
    if (!busy) this.progress.replaceChildren();
  }

  showErrors(problems) {
    for (const field of this.fields) field.showError("");
    for (const [field, problem] of problems) field.showError(problem);
    const links = problems.map(([field, problem]) =>
      h("li", {}, h("a", { href: `#${field.id}`, click: (event) => { event.preventDefault(); field.input.focus(); } }, problem)));
    this.summary.replaceChildren(...(problems.length > 1 ? [note("bad", t("errors_summary", { count: problems.length }), h("ul", {}, links))] : []));
    if (problems.length) problems[0][0].input.focus();
  }

  // Shows a refusal of the server: errors that name a field stand beside it, the rest above the form.
  showRefusal(message, errors, detail) {
    const named = [];
    for (const line of errors) {
      const [key, ...rest] = line.split(":");
      const field = this.fields.find((one) => one.spec.key === key.replace(/^credentials\./, "").trim());
      if (field && !field.isKept) named.push([field, sentence(rest.join(":"))]);
    }
    this.showErrors(named);
    this.summary.replaceChildren(note("bad", message, detail && details(detail)));
    if (!named.length) this.button.focus();
  }
}
