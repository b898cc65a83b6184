// Shows the hub in the page, as customers see it. With the form of its look on the page, the frame follows the accent.
const stage = document.getElementById("hub-stage");
const { token, look, back } = stage.dataset;
const find = (selector) => document.querySelector(selector);

const sendTheme = () => {
  const theme = find("[name=preview-theme]:checked").value;
  const accent = find("#accent").value.trim() || find("#accent").placeholder;
  find("#hub-stage iframe")?.contentWindow.postMessage({ type: "theme", v: 1, theme, accent }, location.origin);
};

const end = () => {
  if (back) return location.assign(back);
  const text = document.createElement("p");
  text.textContent = "The hub was closed. Save, or show the preview again.";
  stage.replaceChildren(text);
};

Connect.start({ sessionToken: token, styles: { inline: { containerId: stage.id } }, onClose: end });

if (look !== undefined) {
  // the frame knows its parent once it has sent its height
  addEventListener("message", ({ source, data }) => {
    if (source === find("#hub-stage iframe")?.contentWindow && data?.type === "resize") sendTheme();
  });
  find("#accent").addEventListener("input", ({ target }) => {
    find("#contrast").hidden = true; // it is the saved colour's
    if (/^#[0-9a-f]{6}$/i.test(target.value.trim())) find("#swatch").setAttribute("fill", target.value.trim());
    sendTheme();
  });
  for (const radio of document.querySelectorAll("[name=preview-theme]")) radio.addEventListener("change", sendTheme);
}
