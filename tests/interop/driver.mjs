// The official SDK on a leash: a question a line on stdin, its answer a line on stdout, one at a time.
//
// question: {call: "ats.getAssessmentsPackage", request, options, headers?, drain?}; a date is {"$date": "2026-…Z"}
// answer:   {ok: what the SDK gave} or {error: what it threw}; with `drain`, ok is every page of a list
import { createInterface } from "node:readline";

import { StackOne } from "@stackone/stackone-client-ts";

const revived = (_, value) => (typeof value?.$date === "string" ? new Date(value.$date) : value);

const plain = ({ rawResponse, ...rest }) => rest;

async function answer({ call, request, options: { username, ...options }, headers, drain }) {
  const [group, method] = call.split(".");
  const stackOne = new StackOne({ security: { username, password: "" }, ...options });
  const given = await stackOne[group][method](request, { headers });
  if (!drain) return plain(given);
  const pages = [];
  for await (const page of given) pages.push(plain(page));
  return pages;
}

function thrown(error) {
  const { message, statusCode, timestamp, body, headers = [] } = error;
  const heard = Object.fromEntries(headers);
  return { class: error.constructor.name, message, statusCode, timestamp, body, headers: heard };
}

for await (const line of createInterface({ input: process.stdin })) {
  const said = await answer(JSON.parse(line, revived)).then(
    (ok) => ({ ok }),
    (error) => ({ error: thrown(error) }),
  );
  process.stdout.write(`${JSON.stringify(said)}\n`);
}
