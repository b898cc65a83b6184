// Messages between this page and the vendor's page around it. Both sides check origin and source.

const { origin: parentOrigin = "" } = document.body.dataset;
export const isFramed = window.parent !== window;
let receiveTheme = () => {};

const post = (message) => {
  if (isFramed && parentOrigin) window.parent.postMessage(message, parentOrigin);
};

// Resolves with the first `init` message of the vendor's page; later ones are ignored.
export const connectToParent = () => new Promise((resolve) => {
  window.addEventListener("message", ({ source, origin, data }) => {
    if (source !== window.parent || origin !== parentOrigin || !data) return;
    if (data.type === "init" && data.v === 1 && typeof data.token === "string") resolve(data);
    if (data.type === "theme") receiveTheme(data);
  });
  post({ type: "ready", v: 1 });
});

export const onTheme = (callback) => { receiveTheme = callback; };
export const tellConnected = ({ id, provider }) => post({ type: "AccountConnected", account: { id, provider } });
export const tellError = (code, message) => post({ type: "error", code, message });
export const tellClosed = (reason) => post({ type: "close", reason });

export const tellHeight = () => {
  const card = document.getElementById("hub");
  new ResizeObserver(() => post({ type: "resize", height: Math.ceil(card.getBoundingClientRect().height) })).observe(card);
};
