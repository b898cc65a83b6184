import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./schema.js";

/** A refusal, as the gateway answers it. */
export type Fault = components["schemas"]["Fault"];
/** A client of one project: `greenroom.GET("/v1/orders/{order_id}", …)`. */
export type Greenroom = Client<paths>;

export interface GreenroomOptions {
  /** The address of the gateway. */
  baseUrl: string;
  apiKey: string;
  /** Milliseconds for each attempt of a call; 15,000 by default. */
  timeout?: number;
  /** How often a call is repeated; 2 by default. */
  maxRetries?: number;
  /** Makes the requests instead of the platform's `fetch`. */
  fetch?: (request: Request) => Promise<Response>;
}

const RETRIED = new Set([408, 429, 500, 502, 503, 504]);
const SAFE = new Set(["GET", "HEAD", "PUT", "DELETE"]);
const LONGEST_WAIT_MS = 60_000;

/**
 * Returns a client that ends each attempt in time, and repeats calls that are safe to repeat.
 *
 * A POST under `/v1` gets an `Idempotency-Key` unless it has one, so that repeating it places nothing twice.
 */
export function createGreenroom(options: GreenroomOptions): Greenroom {
  const { baseUrl, apiKey, timeout = 15_000, maxRetries = 2, fetch: send = (request) => fetch(request) } = options;
  const client = createClient<paths>({
    baseUrl,
    headers: { authorization: `Basic ${btoa(`${apiKey}:`)}` },
    fetch: (request) => sendAgain(request, send, timeout, maxRetries),
  });
  client.use({
    onRequest({ request, schemaPath }) {
      if (request.method === "POST" && schemaPath.startsWith("/v1/") && !request.headers.has("idempotency-key")) {
        request.headers.set("idempotency-key", crypto.randomUUID());
      }
      return request;
    },
  });
  return client;
}

async function sendAgain(
  request: Request, send: (request: Request) => Promise<Response>, timeout: number, maxRetries: number,
): Promise<Response> {
  const repeatable = SAFE.has(request.method) || request.headers.has("idempotency-key");
  for (let retry = 0; ; retry += 1) {
    const last = !repeatable || retry >= maxRetries;
    const signal = AbortSignal.any([request.signal, AbortSignal.timeout(timeout)]);
    let wait = 500 * 2 ** retry * Math.random();
    try {
      const response = await send(new Request(request.clone(), { signal }));
      if (last || !RETRIED.has(response.status)) return response;
      const asked = Number(response.headers.get("retry-after") ?? 0) * 1000;
      if (asked > LONGEST_WAIT_MS) return response;
      wait = Math.max(wait, asked || 0);
      await response.body?.cancel();
    } catch (error) {
      if (last || request.signal.aborted) throw error;
    }
    await new Promise((done) => setTimeout(done, wait));
  }
}

/** Yields the entries of all pages of a list; `read` reads the page that a cursor names, null the first one. */
export async function* iterate<Entry>(
  read: (next: string | null) => Promise<{ data: Entry[]; next?: string | null }>,
): AsyncGenerator<Entry, void> {
  let next: string | null = null;
  do {
    const page = await read(next);
    yield* page.data;
    next = page.next ?? null;
  } while (next !== null);
}

/** A refusal of the gateway, or an answer that is not the gateway's. */
export class GreenroomError extends Error {
  override name = "GreenroomError";

  constructor(
    /** The status of the answer. */
    readonly status: number,
    /** The gateway's refusal; undefined for an answer of a proxy. */
    readonly fault: Fault | undefined,
    /** Finds the call in the request log. */
    readonly requestId: string | undefined,
  ) {
    super(fault ? `${status} ${fault.errorCode ?? ""}: ${fault.message}` : `The answer has the status ${status}`);
  }
}

/** Returns the data of a call, as in `await unwrap(greenroom.GET(…))`, or throws a `GreenroomError`. */
export async function unwrap<Data>(
  call: Promise<{ data?: Data; error?: unknown; response: Response }>,
): Promise<NonNullable<Data>> {
  const { data, error, response } = await call;
  if (response.ok) return data as NonNullable<Data>;
  const fault = typeof error === "object" && error !== null && "message" in error ? (error as Fault) : undefined;
  throw new GreenroomError(response.status, fault, response.headers.get("x-request-id") ?? undefined);
}
