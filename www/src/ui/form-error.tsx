// What a form failed with, read out at once.
import { errorText } from "../words";

export function FormError({ error }: { error: unknown }) {
  return <p class="form-error" role="alert">{error ? errorText(error as Parameters<typeof errorText>[0]) : ""}</p>;
}
