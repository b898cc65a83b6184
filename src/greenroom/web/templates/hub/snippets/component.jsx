import { StackOneHub } from "@stackone/hub";

export const LinkAccount = ({ token }) => (
  <StackOneHub
    baseUrl="{{ url }}"
    appUrl="{{ url }}"
    token={token}
    showFooterLinks={false}
    onSuccess={({ id }) => console.log("linked", id)}
  />
);
