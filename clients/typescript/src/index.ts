export { createGreenroom, GreenroomError, iterate, unwrap, type Fault, type Greenroom, type GreenroomOptions } from "./client.js";
export { verify, VerificationError, type VerifyOptions, type WebhookEvent } from "./webhooks.js";
export type { components, operations, paths, webhooks } from "./schema.js";
