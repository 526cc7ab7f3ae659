/** Whether a key belongs to the input method: the Enter that takes a candidate, the Escape that lets go of them. Safari tells of the last one by 229 alone. */
export const isComposing = (event: KeyboardEvent) => event.isComposing || event.keyCode === 229;
