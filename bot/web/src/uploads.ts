/** Files on their way to the server: checked before, watched during. */

import { pause } from "./connection.ts";
import type { Attachment, Limits } from "./protocol.ts";
import { asRecord, number, text } from "./protocol.ts";
import type { Session } from "./session.ts";
import { SessionError } from "./session.ts";

export type Objection = "tooBig" | "wrongType" | "empty";

/** What stands against a file before a byte of it is sent; null when nothing does. */
export function objection(file: { size: number; type: string }, limits: Limits): Objection | null {
  if (file.size === 0) return "empty";
  if (file.size > limits.fileBytes) return "tooBig";
  // A device that does not know the type leaves it empty; the server looks at the bytes.
  return file.type === "" || limits.fileTypes.includes(file.type) ? null : "wrongType";
}

/** Why a file was not kept: what stands against it, or `later` where the same file may succeed another time. */
export type Hitch = Objection | "failed" | "later" | "offline";

export class UploadError extends Error {
  readonly reason: Hitch;
  /** Seconds that the server asks for, where it does. */
  readonly retryAfter: number | undefined;

  constructor(reason: Hitch, retryAfter?: number) {
    super(`not uploaded: ${reason}`);
    this.reason = reason;
    this.retryAfter = retryAfter;
  }
}

const PATIENCE_S = 120; // whoever attaches a picture does not wait longer than that for it
const ATTEMPTS = 6;

/** Milliseconds until the `attempt`th attempt (from 1) is followed by another; null when there is none. */
export function uploadAgain({ reason, retryAfter }: UploadError, attempt: number): number | null {
  if (reason === "offline") return pause(attempt + 1);
  if (reason !== "later" || attempt >= ATTEMPTS) return null;
  return retryAfter === undefined ? pause(attempt + 2) : retryAfter <= PATIENCE_S ? retryAfter * 1000 : null;
}

/** What an answer that brings no file means. */
export function refusal(status: number, retryAfter?: number): UploadError {
  if (status === 413) return new UploadError("tooBig");
  if (status === 415) return new UploadError("wrongType");
  const passes = status === 408 || status === 429 || status >= 500;
  return passes ? new UploadError("later", retryAfter) : new UploadError("failed");
}

/**
 * Send one file; `progress` is told a share in [0, 1].
 *
 * Rejects with `UploadError`; with an `AbortError` where `signal` ends it.
 */
export async function upload(
  server: string,
  session: Session,
  file: File,
  progress: (share: number) => void,
  signal: AbortSignal,
): Promise<Attachment> {
  const address = `${server}/api/files`;
  try {
    const { token } = await session.open();
    const answer = await post(address, token, file, progress, signal);
    if (answer.status !== 401) return kept(answer);
    session.forget();
    const fresh = await session.open();
    return kept(await post(address, fresh.token, file, progress, signal));
  } catch (error) {
    if (error instanceof UploadError || signal.aborted) throw error;
    if (!(error instanceof SessionError)) throw new UploadError("offline");
    throw new UploadError(error.reason === "later" ? "later" : "failed", error.retryAfter);
  }
}

interface Answer {
  status: number;
  retryAfter: number | undefined;
  body: unknown;
}

// Fetch tells nothing while it sends, so this is the older interface.
function post(
  address: string,
  token: string,
  file: File,
  progress: (share: number) => void,
  signal: AbortSignal,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", address);
    request.setRequestHeader("Authorization", `Bearer ${token}`);
    request.responseType = "json";
    request.upload.onprogress = ({ loaded, total }) => progress(total ? loaded / total : 0);
    request.onload = () => {
      const retryAfter = Number(request.getResponseHeader("Retry-After")) || undefined;
      resolve({ status: request.status, retryAfter, body: request.response });
    };
    request.onerror = () => reject(new UploadError("offline"));
    request.onabort = () => reject(new DOMException("given up", "AbortError"));
    signal.addEventListener("abort", () => request.abort(), { once: true });
    const form = new FormData();
    form.append("file", file, file.name || "file");
    request.send(form);
  });
}

function kept({ status, retryAfter, body }: Answer): Attachment {
  const file = asRecord(body);
  if (status >= 200 && status < 300 && file && text(file.id)) {
    return { id: text(file.id), name: text(file.name), type: text(file.type), size: number(file.size) ?? 0 };
  }
  throw refusal(status, retryAfter);
}
