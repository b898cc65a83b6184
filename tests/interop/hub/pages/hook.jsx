// The vendor's React page with `useStackOneHub`; the options are given to `startConnect`.
import { useStackOneHub } from "@stackone/react-hub";
import { createRoot } from "react-dom/client";
import { loadOptions, report } from "./vendor.js";

function Page({ gateway, token, start }) {
  const { startConnect } = useStackOneHub({ connectUrl: `${gateway}/hub/v1/connect.js` });
  const connect = () =>
    startConnect({
      sessionToken: token,
      onSuccess: report("success"),
      onCancel: () => report("cancel")(),
      onClose: () => report("close")(),
      ...start,
    });
  return (
    <>
      <button onClick={connect}>Connect account</button>
      <div id="place" />
    </>
  );
}

createRoot(document.getElementById("root")).render(<Page {...await loadOptions()} />);
