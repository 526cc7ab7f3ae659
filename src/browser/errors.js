// What every promise of the package rejects with.

export class JindouError extends Error {
  name = "JindouError";

  constructor({ code, message, retryable = false, reasonCode, reason, deadline, cause }) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.retryable = retryable;
    if (reasonCode != null) this.reasonCode = reasonCode;
    if (reason != null) this.reason = reason;
    if (deadline != null) this.deadline = deadline;
  }
}

/** Of the plain object that crossed the port. */
export const errorOf = (info) => (info instanceof JindouError ? info : new JindouError(info));
