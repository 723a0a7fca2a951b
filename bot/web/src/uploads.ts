/** Files on their way to the server: checked before, watched during. */

import type { Attachment, Limits } from "./protocol.ts";
import { asRecord, number, text } from "./protocol.ts";
import type { Session } from "./session.ts";

export type Objection = "tooBig" | "wrongType" | "empty";

/** What stands against a file before a byte of it is sent; null when nothing does. */
export function objection(file: { size: number; type: string }, limits: Limits): Objection | null {
  if (file.size === 0) return "empty";
  if (file.size > limits.fileBytes) return "tooBig";
  // A device that does not know the type leaves it empty; the server looks at the bytes.
  return file.type === "" || limits.fileTypes.includes(file.type) ? null : "wrongType";
}

export class UploadError extends Error {
  /** `later`: the same file may succeed another time. */
  readonly reason: Objection | "later";

  constructor(reason: Objection | "later") {
    super(`not uploaded: ${reason}`);
    this.reason = reason;
  }
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
    throw new UploadError("later");
  }
}

interface Answer {
  status: number;
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
    request.onload = () => resolve({ status: request.status, body: request.response });
    request.onerror = () => reject(new UploadError("later"));
    request.onabort = () => reject(new DOMException("given up", "AbortError"));
    signal.addEventListener("abort", () => request.abort(), { once: true });
    const form = new FormData();
    form.append("file", file, file.name || "file");
    request.send(form);
  });
}

function kept({ status, body }: Answer): Attachment {
  const file = asRecord(body);
  if (status >= 200 && status < 300 && file && text(file.id)) {
    return { id: text(file.id), name: text(file.name), type: text(file.type), size: number(file.size) ?? 0 };
  }
  throw new UploadError(status === 413 ? "tooBig" : status === 415 ? "wrongType" : "later");
}
