// Opens the hub in a frame: Connect.start(options), or <connector-hub token="...">. Reference: docs/hub.md.
// Served without comments and indentation (hub/assets.py), so no string may span lines here. ASCII only.
(() => {
  "use strict";
  if (window.Connect) return;
  const script = document.currentScript || document.querySelector('script[src*="/hub/v1/connect"]');
  const hub = new URL("../embed/", script.src);
  let current = null;

  // an error of the page's own callback must not keep the hub open
  const call = (callback, value) => {
    try {
      if (callback) callback(value);
    } catch (error) {
      setTimeout(() => { throw error; });
    }
  };

  const buildFrame = (options, inline) => {
    const project = /^pk_([\w-]+)\./.exec(options.sessionToken) || [];
    const frame = document.createElement("iframe");
    frame.src = new URL(`${project[1] || "unknown"}?origin=${encodeURIComponent(location.origin)}`, hub);
    frame.title = options.title || "Link your account";
    frame.allow = "clipboard-write";
    const { width = "100%", height = "640px" } = inline || { height: "100%" };
    // a frame is transparent only where both documents have the same scheme
    const scheme = /^(light|dark)$/.test(options.theme) ? options.theme : "light dark";
    frame.style.cssText = `border:0;display:block;width:${width};height:${height};color-scheme:${scheme}`;
    return frame;
  };

  // a modal <dialog> makes the page behind inert, keeps the focus, and is above every z-index
  const buildDialog = (frame, close) => {
    const dialog = document.createElement("dialog");
    dialog.ariaLabel = frame.title;
    dialog.style.cssText =
      "position:fixed;inset:0;width:100%;height:100%;max-width:none;max-height:none;margin:0;padding:0;border:0;background:none;overflow:hidden";
    dialog.oncancel = (event) => {
      event.preventDefault();
      close("cancel");
    };
    dialog.append(frame);
    document.body.append(dialog);
    dialog.showModal();
    return dialog;
  };

  const showFailure = (dialog, text, close) => {
    const note = document.createElement("p");
    const button = document.createElement("button");
    note.role = "alert";
    note.style.cssText = "margin:0;padding:1em;background:#fff;color:#111";
    button.textContent = "Close";
    button.onclick = () => close("cancel");
    note.append(text, button);
    dialog.prepend(note);
    button.focus();
  };

  const start = (options = {}, element) => {
    if (current) return current.closed;
    const styles = options.styles || {};
    const { inline } = styles;
    const container = element || (inline && document.getElementById(inline.containerId));
    const opener = document.activeElement;
    const root = document.documentElement.style;
    const { scrollX: left, scrollY: top } = window;
    const { overflow } = root;
    const frame = buildFrame(options, container && (inline || {}));
    let account = null;
    let finish;

    const close = (reason) => {
      if (!current) return;
      current = null;
      clearTimeout(timer);
      observer.disconnect();
      removeEventListener("message", receive);
      box.remove();
      if (!container) {
        root.overflow = overflow;
        scrollTo({ left, top, behavior: "instant" });
      }
      if (opener && opener.isConnected) opener.focus({ preventScroll: true });
      if (!account) call(options.onCancel);
      call(options.onClose);
      finish({ account, reason });
    };

    const receive = ({ source, origin, data }) => {
      if (source !== frame.contentWindow || origin !== hub.origin || !data) return;
      clearTimeout(timer);
      const { type } = data;
      if (type === "ready") {
        const { sessionToken: token, theme, lang } = options;
        const shown = { ...styles.options, inline: !!container };
        source.postMessage({ type: "init", v: 1, token, theme, lang, options: shown }, hub.origin);
      } else if (type === "resize" && container && !(inline && inline.height)) {
        frame.style.height = `${Math.min(Math.max(data.height, 160), 4000)}px`;
      } else if (type === "AccountConnected" && !account) {
        const { id, provider } = data.account;
        call(options.onSuccess, (account = { id, provider }));
      } else if (type === "error") {
        const { code, message } = data;
        call(options.onError, { code, message });
      } else if (type === "close") {
        close(data.reason);
      }
    };

    const check = () => frame.isConnected || close("cancel");
    const observer = new MutationObserver(check);
    current = { check, closed: new Promise((done) => { finish = done; }) };
    const { closed } = current;
    addEventListener("message", receive);
    const box = container ? frame : buildDialog(frame, close);
    if (container) container.append(frame);
    else root.overflow = "hidden";
    observer.observe(document, { childList: true, subtree: true });
    const timer = setTimeout(() => {
      const message = `Nothing was loaded from ${hub.origin}. `;
      call(options.onError, { code: "not_loaded", message });
      if (!container) showFailure(box, message, close);
    }, 10000);
    return closed;
  };

  class ConnectorHub extends HTMLElement {
    static observedAttributes = ["token"];

    connectedCallback() {
      const sessionToken = this.getAttribute("token");
      if (current || !sessionToken || !this.isConnected) return;
      const tell = (name) => (detail) => this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
      this.style.display ||= "block";
      start({
        sessionToken,
        theme: this.getAttribute("theme"),
        lang: this.lang,
        onSuccess: tell("success"),
        onCancel: tell("cancel"),
        onError: tell("failure"),
        onClose: tell("close"),
      }, this);
    }

    attributeChangedCallback() {
      this.connectedCallback();
    }

    disconnectedCallback() {
      if (current) current.check();
    }
  }

  window.Connect = { start: (options) => start(options) };
  customElements.define("connector-hub", ConnectorHub);
})();
