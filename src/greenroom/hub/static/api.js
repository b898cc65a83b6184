// Calls the hub's JSON API. The token is in this module's memory alone.
import { language } from "./texts.js";

let token = null;
const DEADLINE = 60000;

export class ApiError extends Error {
  constructor(status, body) {
    super(body.message || "");
    this.status = status;
    this.code = body.errorCode || "";
    this.errors = Array.isArray(body.errors) ? body.errors : [];
    const said = body.provider_response;
    this.detail = Array.isArray(said) ? said.map((one) => `${one.status || ""} ${one.body || ""}`.trim()).join("\n") : said || "";
  }

  get isOver() { return this.status === 401 || this.status === 403 || this.status === 410; }
}

export const useToken = (value) => { token = value; };
export const getToken = () => token;

// Throws ApiError for a refusal, TypeError where nothing answered, AbortError where `signal` was aborted.
export const call = async (method, path, body, signal) => {
  const stopping = new AbortController();
  const timer = setTimeout(() => stopping.abort(), DEADLINE);
  if (signal) signal.addEventListener("abort", () => stopping.abort(), { once: true });
  try {
    const answer = await fetch(path, {
      method,
      headers: { "accept-language": language, "content-type": "application/json", "x-hub-session-token": token },
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "omit",
      signal: stopping.signal,
    });
    const data = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new ApiError(answer.status, data || {});
    return data;
  } finally {
    clearTimeout(timer);
  }
};
