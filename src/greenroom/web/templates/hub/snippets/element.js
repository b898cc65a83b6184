import "@stackone/hub/webcomponent";

const hub = document.createElement("stackone-hub");
hub.setAttribute("base-url", "{{ url }}");
hub.setAttribute("app-url", "{{ url }}");
hub.setAttribute("show-footer-links", "false");
hub.setAttribute("token", "THE_TOKEN");
hub.addEventListener("success", ({ detail }) => console.log("linked", detail.id));
document.body.append(hub);
