// The vendor's page with <stackone-hub>; the options are its attributes.
import "@stackone/hub/webcomponent";
import { loadOptions, report } from "./vendor.js";

const { gateway, token, attributes } = await loadOptions();
const hub = document.createElement("stackone-hub");
for (const [name, value] of Object.entries({ token, "base-url": gateway, "app-url": gateway, ...attributes })) {
  hub.setAttribute(name, value);
}
hub.addEventListener("success", ({ detail }) => report("success")(detail));
hub.addEventListener("close", () => report("close")());
document.getElementById("root").append(hub);
