// Opens a session for the customer who is signed in, and gives its token to your page.
import { createServer } from "node:http";

const key = Buffer.from(`${process.env.GATEWAY_API_KEY}:`).toString("base64");

createServer(async (request, response) => {
  // check here who is signed in to your product
  const customer = { origin_owner_id: "cust_1042", origin_owner_name: "Hemlock & Rye" };
  const answer = await fetch("{{ url }}/connect_sessions", {
    method: "POST",
    headers: { authorization: `Basic ${key}`, "content-type": "application/json" },
    body: JSON.stringify(customer),
    signal: AbortSignal.timeout(10_000),
  });
  const { token } = await answer.json();
  response.writeHead(answer.status === 201 ? 200 : 502, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(JSON.stringify({ token }));
}).listen(Number(process.env.PORT ?? 3000), "127.0.0.1");
