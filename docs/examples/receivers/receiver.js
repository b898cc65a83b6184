// A webhook receiver: PORT=9000 WEBHOOK_SECRET=whsec_… node receiver.js
const http = require("node:http");
const crypto = require("node:crypto");

const key = Buffer.from(process.env.WEBHOOK_SECRET.replace(/^whsec_/, ""), "base64");
const largest = 1_000_000;
const seen = new Set(); // keep it in your database, together with the order

function isGenuine(headers, body) {
  const id = headers["webhook-id"] ?? "";
  const sent = headers["webhook-timestamp"] ?? "";
  if (!/^\d+$/.test(sent) || Math.abs(Date.now() / 1000 - Number(sent)) > 300) return false; // sent again
  const signed = Buffer.concat([Buffer.from(`${id}.${sent}.`), body]);
  const expected = Buffer.from("v1," + crypto.createHmac("sha256", key).update(signed).digest("base64"));
  return (headers["webhook-signature"] ?? "").split(" ").some((one) => { // two while a secret is rotated
    const given = Buffer.from(one);
    return given.length === expected.length && crypto.timingSafeEqual(given, expected);
  });
}

const server = http.createServer((request, response) => {
  const chunks = [];
  let size = 0;
  request.on("data", (chunk) => {
    size += chunk.length;
    if (size > largest) request.destroy();
    else chunks.push(chunk);
  });
  request.on("end", () => {
    const body = Buffer.concat(chunks); // the raw bytes: parsed and written again, they would differ
    const genuine = isGenuine(request.headers, body);
    const id = request.headers["webhook-id"];
    if (genuine && !seen.has(id)) {
      seen.add(id);
      const event = JSON.parse(body);
      console.log("received", event.event, event.record_id);
    }
    response.writeHead(genuine ? 204 : 401).end();
  });
});
server.listen(Number(process.env.PORT), "127.0.0.1");
