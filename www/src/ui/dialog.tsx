// A window over the page, on the browser's own <dialog>: it keeps the focus inside, closes by Escape and gives the focus back.
import { useEffect, useRef } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { words } from "../words";
import { Icon } from "./icons";
import "./dialog.css";

interface DialogProps { title: string; onClose: () => void; children: ComponentChildren }

export function Dialog({ title, onClose, children }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = element.current!;
    dialog.showModal();
    return () => dialog.close();
  }, []);
  return (
    <dialog ref={element} aria-label={title}
      onClose={onClose}
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
