// A window over the page, on the browser's own <dialog>: it keeps the focus inside, closes by Escape and gives the focus back.
import { useLayoutEffect, useRef } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { words } from "../words";
import { Icon } from "./icons";
import "./dialog.css";

interface DialogProps { title: string; onClose: () => void; children: ComponentChildren }

export function Dialog({ title, onClose, children }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  // Before the effects of what stands inside, which put the focus where it belongs.
  useLayoutEffect(() => {
    const dialog = element.current!;
    dialog.showModal();
    return () => dialog.close();
  }, []);
  return (
    <dialog ref={element} aria-label={title}
      onClose={onClose}
      // Its keys are its own: the Escape that closes it must not close what lies beneath.
      onKeyDown={(event) => event.stopPropagation()}
      onPointerDown={(event) => { if (event.target === element.current) onClose(); }}>
      <div class="dialog-frame">
        <header>
          <h2 class="one-line"><bdi>{title}</bdi></h2>
          <button type="button" class="icon-button" aria-label={words.value.close} onClick={onClose}><Icon name="close" /></button>
        </header>
        {children}
      </div>
    </dialog>
  );
}
