// The vendor's React page with <StackOneHub>; the options are its properties.
import { StackOneHub } from "@stackone/hub";
import { createRoot } from "react-dom/client";
import { loadOptions, report } from "./vendor.js";

const { gateway, token, properties } = await loadOptions();
createRoot(document.getElementById("root")).render(
  <StackOneHub
    token={token}
    baseUrl={gateway}
    appUrl={gateway}
    onSuccess={report("success")}
    onClose={() => report("close")()}
    {...properties}
  />,
);
