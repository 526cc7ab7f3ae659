// One pane's road to the business server, and the switch that cuts it. Every request of the pane goes through here, its client's too, so a cut is
// the same for all of them: what is under way is aborted, and what comes later fails as it would without a network. The socket to WuKongIM is the
// client's own; chat.ts closes it when the switch is thrown.
import { signal } from "@preact/signals";

const patience = 15_000;

/** What the business server said, or `unavailable` where it could not be asked. Same fields as the package's own errors. */
export class ServerError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly retryable: boolean,
    readonly status = 0,
    readonly reason?: string,
    readonly deadline?: number,
  ) {
    super(message);
    this.name = "ServerError";
  }
}

export class Network {
  readonly cut = signal(false);
  #underWay = new AbortController();

  setCut(cut: boolean): void {
    this.cut.value = cut;
    if (!cut) return;
    this.#underWay.abort();
    this.#underWay = new AbortController();
  }

  /** Throws what a request would throw, so that what needs the network without a request of ours (a token for the socket) fails alike. */
  check(): void {
    if (this.cut.peek()) throw new ServerError("unavailable", "the network is cut", true);
  }

  async request<T>(method: string, path: string, token?: string, body?: unknown): Promise<T> {
    this.check();
    let answer: Response;
    let text: string;
    try {
      answer = await fetch(path, {
        method,
        headers: {
          ...(token ? { authorization: `Bearer ${token}` } : {}),
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: AbortSignal.any([this.#underWay.signal, AbortSignal.timeout(patience)]),
        cache: "no-store",
        credentials: "omit",
        redirect: "error",
      });
      text = await answer.text();
    } catch (cause) {
      throw new ServerError("unavailable", `no answer from the server (${(cause as Error).name})`, true);
    }
    const value = parse(text);
    if (answer.ok) {
      if (value === undefined) throw new ServerError("bad-response", "the answer is not JSON", true, answer.status);
      return value as T;
    }
    const error = (typeof value === "object" && value !== null ? value : {}) as Partial<ServerError>;
    // A proxy that answers for a server which is down knows nothing of our codes.
    const code = typeof error.code === "string" ? error.code : answer.status === 401 ? "unauthorized" : "unavailable";
    throw new ServerError(code, String(error.message ?? answer.statusText), error.retryable ?? answer.status >= 500, answer.status, error.reason, error.deadline);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
