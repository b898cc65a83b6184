import type { webhooks } from "./schema.js";

type Body<Name extends keyof webhooks> = webhooks[Name]["post"]["requestBody"]["content"]["application/json"];
/** The body of a webhook: tell them apart by `event`. */
export type WebhookEvent = { [Name in keyof webhooks]: Body<Name> }[keyof webhooks];

export interface VerifyOptions {
  /** Seconds that `webhook-timestamp` may differ from this machine's time; 300 by default. */
  tolerance?: number;
  /** The time in Unix seconds, for tests. */
  now?: number;
}

/** A request that must not be trusted: answer 401. `part` is the part of the request that is wrong. */
export class VerificationError extends Error {
  override name = "VerificationError";

  constructor(readonly part: "webhook-id" | "webhook-timestamp" | "webhook-signature" | "body", reason: string) {
    super(`${part}: ${reason}`);
  }
}

type GivenHeaders = Headers | Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * Returns the event of a genuine request; `body` has the raw bytes, as received.
 *
 * `secrets` are the live ones, any of which may have signed: secrets (`whsec_…`) and public keys (`whpk_…`).
 * Deduplicate events by the header `webhook-id`. Throws a `VerificationError` for any other request, and a `TypeError`
 * where a secret is not one. Source: Standard Webhooks 1.0.0.
 */
export async function verify(
  headers: GivenHeaders, body: string | Uint8Array, secrets: string | readonly string[], options: VerifyOptions = {},
): Promise<WebhookEvent> {
  const { tolerance = 300, now = Date.now() / 1000 } = options;
  const keys = await Promise.all((typeof secrets === "string" ? [secrets] : secrets).map(importKey));
  if (keys.length === 0) throw new TypeError("secrets: give at least one");
  const id = read(headers, "webhook-id");
  const sent = read(headers, "webhook-timestamp");
  if (!id) throw new VerificationError("webhook-id", "missing");
  if (!/^\d+$/.test(sent)) throw new VerificationError("webhook-timestamp", "missing, or not a number of seconds");
  if (Math.abs(now - Number(sent)) > tolerance) {
    throw new VerificationError("webhook-timestamp", `more than ${tolerance} seconds from this machine's time`);
  }
  const signatures = read(headers, "webhook-signature").split(" ").filter(Boolean);
  if (signatures.length === 0) throw new VerificationError("webhook-signature", "missing");
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const signed = concatenate(new TextEncoder().encode(`${id}.${sent}.`), bytes);
  for (const key of keys) {
    for (const signature of signatures) {
      if (await isGenuine(key, signature, signed)) return parse(bytes);
    }
  }
  throw new VerificationError(
    "webhook-signature", "none of its signatures was made over this body with these secrets",
  );
}

interface Key {
  version: "v1" | "v1a";
  algorithm: "HMAC" | "Ed25519";
  key: CryptoKey;
}

async function importKey(secret: string): Promise<Key> {
  const [, prefix, text] = /^(whsec_|whpk_)(.+)$/.exec(secret) ?? [];
  const bytes = decode(text ?? "");
  if (!prefix || !bytes || (prefix === "whpk_" && bytes.length !== 32)) {
    throw new TypeError("secrets: expected whsec_ or whpk_ and base64, as POST /v1/webhooks answered");
  }
  if (prefix === "whpk_") {
    return { version: "v1a", algorithm: "Ed25519", key: await importRaw(bytes, { name: "Ed25519" }) };
  }
  return { version: "v1", algorithm: "HMAC", key: await importRaw(bytes, { name: "HMAC", hash: "SHA-256" }) };
}

function importRaw(bytes: Uint8Array<ArrayBuffer>, algorithm: { name: string; hash?: string }): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", bytes, algorithm, false, ["verify"]);
}

/** Compares in constant time, as `SubtleCrypto.verify` does. */
async function isGenuine(key: Key, signature: string, signed: Uint8Array<ArrayBuffer>): Promise<boolean> {
  const [version, text] = signature.split(",");
  const made = version === key.version ? decode(text ?? "") : undefined;
  return made !== undefined && crypto.subtle.verify(key.algorithm, key.key, made, signed);
}

function decode(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    const decoded = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
    return decoded.length > 0 ? decoded : undefined;
  } catch {
    return undefined;
  }
}

function read(headers: GivenHeaders, name: string): string {
  if (isHeaders(headers)) return headers.get(name) ?? "";
  const found = Object.entries(headers).find(([one]) => one.toLowerCase() === name)?.[1];
  return typeof found === "string" ? found : (found?.join(" ") ?? "");
}

/** Other implementations than the platform's have the same methods. */
function isHeaders(headers: GivenHeaders): headers is Headers {
  return typeof headers.get === "function";
}

function concatenate(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(first.length + second.length);
  joined.set(first);
  joined.set(second, first.length);
  return joined;
}

function parse(body: Uint8Array): WebhookEvent {
  let event: unknown;
  try {
    event = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    throw new VerificationError("body", "not JSON in UTF-8");
  }
  if (typeof event !== "object" || event === null || !("event" in event)) {
    throw new VerificationError("body", "not an event of Greenroom");
  }
  return event as WebhookEvent;
}
