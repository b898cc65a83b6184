import { useStackOneHub } from "@stackone/react-hub";

export function LinkAccount() {
  const { startConnect } = useStackOneHub({ connectUrl: "{{ url }}/hub/v1/connect.js" });
  const link = async () => {
    const { token } = await (await fetch("/hub-session", { method: "POST" })).json();
    startConnect({ sessionToken: token, onSuccess: ({ id }) => console.log("linked", id) });
  };
  return <button onClick={link}>Link your ATS</button>;
}
