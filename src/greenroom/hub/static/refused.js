// The page for an origin that may not embed the hub: tells the page around it, and closes.
const { origin, reason } = document.body.dataset;
const post = (message) => window.parent.postMessage(message, origin);
const heading = document.querySelector("h1");

if (window.parent !== window && origin !== "null") {
  post({ type: "error", code: reason, message: document.querySelector(".lead").textContent });
  const button = document.getElementById("close");
  const close = () => post({ type: "close", reason: "cancel" });
  button.hidden = false;
  button.addEventListener("click", close);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });
  heading.focus();
}
