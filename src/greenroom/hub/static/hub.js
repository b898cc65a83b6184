// The flow of the hub: session, choice of the integration, form, next steps.
import { ApiError, call, getToken, useToken } from "./api.js";
import { guard, keepFocus, mayClose, primary } from "./card.js";
import { Form, TOKEN_KEY } from "./form.js";
import * as frame from "./frame.js";
import { load, loadGuide, t } from "./texts.js";
import * as views from "./views.js";

const { body } = document;
const POLL = 5000;
const CONSENT_POLL = 2000;
const SLOW = 5000;
const WARNING = 120;
const options = { canClose: false, back: true, close: () => close() };
const state = { connected: null, over: false, update: null, usedAt: null, copied: false };

const isInline = () => document.documentElement.classList.contains("inline");

const close = async (reason = state.connected ? "done" : "cancel") => {
  if (await mayClose()) frame.tellClosed(reason);
};

const applyTheme = (theme) => {
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
};

const applyAccent = (accent) => {
  if (/^#[0-9a-f]{6}$/i.test(accent || "")) document.documentElement.style.setProperty("--accent", accent);
};

const closeButton = (reason) => options.canClose && primary(t("close"), () => close(reason));

const showOver = (error) => {
  state.over = true;
  views.showExpiry(null);
  const kind = { ConnectSessionUsed: "used", ConnectSessionExpired: "expired", ConnectSessionClosed: "closed" }[error.code] || "invalid";
  frame.tellError(kind, error.message);
  views.showMessage({
    title: t(`over_${kind}_title`), text: t(`over_${kind}_text`), hint: t(options.canClose ? "over_again" : "over_ask"),
    tone: kind === "used" ? "" : "wait", symbol: kind === "used" ? "circle-check" : "clock",
    action: closeButton(state.connected ? "done" : "expired"), options,
  });
};

// Shows what stopped a view from loading; a refused session is the end, everything else can be tried again.
const showProblem = (error, again) => {
  if (error instanceof ApiError && error.isOver) { showOver(error); return; }
  const refused = error instanceof ApiError;
  frame.tellError(refused ? "refused" : "network", refused ? error.message : t("network_text"));
  views.showMessage({
    title: t(refused ? "problem_title" : "network_title"), text: refused ? error.message : t("network_text"),
    tone: "bad", symbol: refused ? "circle-alert" : "unplug", action: primary(t("try_again"), again), options,
  });
};

const attempt = async (step) => {
  try { await step(); } catch (error) { showProblem(error, () => attempt(step)); }
};

const readSession = async () => {
  const session = await call("GET", "/hub/session");
  const left = (Date.parse(session.expires_at) - Date.now()) / 1000;
  const canExtend = Date.parse(session.can_extend_until) - Date.parse(session.expires_at) > 1000;
  if (left > WARNING) views.showExpiry(null);
  else views.showExpiry(left, canExtend ? () => attempt(async () => { await call("POST", "/hub/session/extend"); await readSession(); }) : null);
  const uses = ((session.account && session.account.tokens) || []).map((one) => one.last_used_at).filter(Boolean).sort();
  state.usedAt = uses.pop() || null;
  if (state.update) state.update(state.usedAt);
  return session;
};

// News of the session, while somebody looks: no requests from a hidden page.
const watch = async () => {
  while (!state.over) {
    await sleep(POLL);
    if (document.hidden) continue;
    try { await readSession(); } catch (error) {
      if (error instanceof ApiError && error.isOver) showOver(error);
    }
  }
};

const begin = async () => {
  const [settings, list] = await Promise.all([call("GET", "/hub/settings"), call("GET", "/hub/connectors")]);
  const session = await readSession();
  const { origin, unlisted } = body.dataset;
  // a page on localhost needs no entry for test sessions, and the session's type is known only now
  if (unlisted && session.type !== "test") {
    const text = t("origin_text", { origin });
    frame.tellError("origin_not_allowed", text);
    views.showMessage({ title: t("origin_title"), text, hint: t("origin_fix"), tone: "bad", symbol: "circle-alert", action: closeButton("cancel"), options });
    return;
  }
  const integrations = list.integrations.filter((one) => one.active);
  const accountId = settings.existing_account_id || null;
  const open = (integration, back) => attempt(() => openIntegration({ integration, accountId, back }));
  const choose = () => views.showPicker({ integrations, pick: (one) => open(one, choose), options });
  if (integrations.length === 1) await openIntegration({ integration: integrations[0], accountId, back: null });
  else if (integrations.length) choose();
  else {
    frame.tellError("no_integration", t("none_title"));
    views.showMessage({ title: t("none_title"), text: t("none_text"), symbol: "plug", action: closeButton("cancel"), options });
  }
};

// The token is made once the integration is chosen.
const findToken = async ({ integration_id, provider }) => {
  const own = await call("GET", `/hub/connectors?provider=${encodeURIComponent(provider)}`);
  if (own.external_trigger_token) return own.external_trigger_token;
  return (await call("POST", "/hub/session/choose", { integration_id })).external_trigger_token;
};

const openIntegration = async ({ integration, accountId, back }) => {
  state.update = null;
  const { integration_id, provider } = integration;
  const [{ config }, token, guide, account] = await Promise.all([
    call("GET", `/hub/connectors/${encodeURIComponent(integration_id)}`),
    findToken(integration),
    loadGuide(provider),
    accountId ? call("GET", `/hub/accounts/${encodeURIComponent(accountId)}`) : null,
  ]);
  const isEdit = Boolean(account);
  const isConsent = config.type === "oauth2";
  const specs = config.configFields.filter((field) => field.key !== TOKEN_KEY);
  // an account without anything to edit: the customer came back for the token and the steps
  if (isEdit && !isConsent && !specs.length) {
    showLinked({ integration, token, guide, account: { id: accountId, provider } });
    return;
  }
  const label = isConsent ? t("authorise", { name: integration.name }) : t(isEdit ? "save" : "connect");
  const form = new Form({
    specs,
    saved: account ? { ...account.setupInformation, ...account.secrets } : {},
    label,
    busyLabel: t(isConsent ? "consent_busy" : "connecting"),
    submit: (values) => submit({ integration, token, guide, accountId, values, form, isConsent }),
  });
  views.showForm({ integration, config, token, form, isEdit, back, copied: () => { state.copied = true; }, options });
  guard(() => form.isDirty);
};

const submit = async ({ integration, token, guide, accountId, values, form, isConsent }) => {
  const cancelling = new AbortController();
  const cancel = () => cancelling.abort();
  form.setBusy(true);
  const slow = isConsent ? null : setTimeout(() => views.showSlow(form, integration.name, cancel), SLOW);
  try {
    const account = isConsent
      ? await askConsent({ integration, form, values, cancel, signal: cancelling.signal })
      : await save({ integration, accountId, values, signal: cancelling.signal });
    tellLinked(account);
    showLinked({ integration, token, guide, account });
  } catch (error) {
    form.setBusy(false);
    if (error instanceof ApiError && error.isOver) showOver(error);
    else if (error instanceof ApiError) form.showRefusal(error.message || t("problem_title"), error.errors, error.detail);
    else if (cancelling.signal.aborted) form.showRefusal(t("cancelled"), [], "");
    else form.showRefusal(t("network_submit"), [], "");
  } finally {
    clearTimeout(slow);
  }
};

const save = async ({ integration, accountId, values, signal }) => {
  const sent = { integration_id: integration.integration_id, credentials: values };
  const answer = accountId
    ? await call("PATCH", `/hub/accounts/${encodeURIComponent(accountId)}`, sent, signal)
    : await call("POST", "/hub/accounts", sent, signal);
  return { id: answer.id || accountId, provider: answer.provider || integration.provider };
};

const sleep = (time, signal) => new Promise((resolve, reject) => {
  const timer = setTimeout(resolve, time);
  signal?.addEventListener("abort", () => { clearTimeout(timer); reject(signal.reason); }, { once: true });
});

// Consent in a window of its own. What happened there is asked of the server: `closed` of a window says nothing reliable.
const askConsent = async ({ integration, form, values, cancel, signal }) => {
  const popup = window.open("", "_blank", "popup,width=600,height=720");
  let path = null;
  try {
    const { id } = await call("POST", "/hub/connection_attempts", { token: getToken() }, signal);
    path = `/hub/connection_attempts/${encodeURIComponent(id)}`;
    return await followConsent({ integration, form, values, cancel, signal, popup, id, path });
  } catch (error) {
    if (signal.aborted && path) call("DELETE", path).catch(() => {});
    throw error;
  } finally {
    popup?.close();
  }
};

const followConsent = async ({ integration, form, values, cancel, signal, popup, id, path }) => {
  const query = new URLSearchParams({ ...values, connection_attempt_id: id });
  const url = `/connect/oauth2/${encodeURIComponent(integration.integration_id)}?${query}`;
  if (popup) popup.location = url;
  views.showConsent(form, integration.name, cancel, popup ? null : url);
  for (;;) {
    await sleep(CONSENT_POLL, signal);
    const found = await call("GET", path, undefined, signal);
    if (found.status === "authenticated") return { id: found.account.id, provider: integration.provider };
    if (found.status !== "pending") {
      const { code, description } = found.error || {};
      throw new ApiError(400, { message: t(`consent_${found.status}`, { name: integration.name }), provider_response: description || code });
    }
  }
};

const tellLinked = (account) => {
  if (!state.connected) frame.tellConnected(account);
  state.connected = account;
};

const showLinked = ({ integration, token, guide, account }) => {
  const finish = () => {
    tellLinked(account);
    if (options.canClose) close("done");
    else views.showMessage({ title: t("finished_title"), text: t("finished_text"), tone: "", symbol: "badge-check", options });
  };
  state.update = views.showLinked({ integration, guide, token, usedAt: state.usedAt, copied: state.copied, finish, options });
};

const run = async () => {
  const { token } = body.dataset;
  delete body.dataset.token;
  if (!token && !frame.isFramed) {
    await load();
    views.showMessage({ title: t("direct_title"), text: t("direct_text"), symbol: "info", options });
    return;
  }
  const init = token ? { token, options: {} } : await frame.connectToParent();
  const asked = init.options || {};
  options.canClose = !token && asked.close !== false;
  options.back = asked.back;
  applyTheme(init.theme);
  document.documentElement.classList.toggle("inline", Boolean(asked.inline));
  if (asked.bgColor) body.style.backgroundColor = asked.bgColor;
  if (asked.inline) {
    frame.tellHeight();
    keepFocus(); // a part of a page must not take the focus as the page loads
  }
  frame.onTheme(({ theme, accent }) => { applyTheme(theme); applyAccent(accent); });
  useToken(init.token);
  await load(init.lang);
  await attempt(begin);
  watch();
};

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !options.canClose || isInline() || document.querySelector("dialog[open]")) return;
  event.preventDefault(); // else the dialog around the frame closes, too
  close();
});
document.addEventListener("click", (event) => {
  const isOutside = event.target === document.documentElement || event.target === body || event.target.id === "stage";
  if (isOutside && options.canClose && !isInline()) close();
});

run().catch((error) => {
  // not even the texts could be loaded: the server's sentence is in the page
  const failed = document.getElementById("failed");
  if (failed) failed.hidden = false;
  frame.tellError("failed", String(error.message));
});
