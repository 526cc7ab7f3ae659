// A button with a list of things to do. Arrow keys move, Enter and Space choose, Escape and Tab close, and the focus returns to the button.
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { Icon, type IconName } from "./icons";
import "./menu.css";

export interface MenuItem {
  label: string;
  icon?: IconName;
  danger?: boolean;
  /** One of several: it carries a mark when it is the chosen one. */
  checked?: boolean;
  choose: () => void;
}

interface MenuProps {
  label: string;
  items: () => (MenuItem | "line")[];
  icon?: IconName;
  class?: string;
  tabIndex?: number;
  children?: ComponentChildren;
}

export function Menu({ label, items, icon = "more", class: name = "", tabIndex, children }: MenuProps) {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);

  const close = (refocus: boolean) => {
    setOpen(false);
    if (refocus) button.current?.focus();
  };
  return (
    <div class={`menu ${name}`} ref={root}>
      <button ref={button} type="button" class="icon-button" data-menu tabIndex={tabIndex} aria-label={label} title={label} aria-haspopup="menu" aria-expanded={open}
        onClick={() => setOpen(!open)}
        onKeyDown={(event) => {
          if (event.key !== "ArrowDown" || open) return;
          event.preventDefault();
          event.stopPropagation();
          setOpen(true);
        }}>
        {children ?? <Icon name={icon} />}
      </button>
      {open && <MenuList label={label} items={items()} root={root} close={close} />}
    </div>
  );
}

interface MenuListProps {
  label: string;
  items: (MenuItem | "line")[];
  root: { current: HTMLDivElement | null };
  close: (refocus: boolean) => void;
}

function MenuList({ label, items, root, close }: MenuListProps) {
  const list = useRef<HTMLDivElement>(null);

  useLayoutEffect(() => {
    // In the browser's top layer, where no scrolling box cuts it off.
    list.current!.showPopover();
    place(list.current!, root.current!);
    buttons(list.current!)[0]?.focus();
    const elsewhere = (event: Event) => {
      if (!root.current?.contains(event.target as Node)) close(false);
    };
    const away = () => close(false);
    document.addEventListener("pointerdown", elsewhere);
    document.addEventListener("scroll", elsewhere, { capture: true, passive: true });
    window.addEventListener("resize", away);
    const shown = list.current!;
    const around = root.current!.parentElement?.closest<HTMLElement>("[tabindex]");
    return () => {
      // What it belongs to may go while it is open, as a message that is recalled: the focus stays where that was.
      if (shown.contains(document.activeElement)) around?.focus();
      document.removeEventListener("pointerdown", elsewhere);
      document.removeEventListener("scroll", elsewhere, { capture: true });
      window.removeEventListener("resize", away);
    };
  }, []);

  const onKeyDown = (event: KeyboardEvent) => {
    const all = buttons(list.current!);
    const at = all.indexOf(document.activeElement as HTMLButtonElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (to !== undefined) all[(to + all.length) % all.length]?.focus();
    else if (event.key === "Escape") close(true);
    else if (event.key === "Tab") close(false);
    if (event.key !== "Tab") event.stopPropagation();
    if (to !== undefined || event.key === "Escape") event.preventDefault();
  };
  return (
    <div ref={list} popover="manual" class="menu-list" role="menu" aria-label={label} onKeyDown={onKeyDown}>
      {items.map((item, index) => (item === "line"
        ? <hr key={index} />
        : (
          <button key={index} type="button" tabIndex={-1} class={`menu-item ${item.danger ? "danger" : ""}`}
            role={item.checked === undefined ? "menuitem" : "menuitemradio"} aria-checked={item.checked}
            onClick={() => {
              close(true);
              item.choose();
            }}>
            {item.icon ? <Icon name={item.icon} size={18} /> : <span class="menu-mark">{item.checked && <Icon name="sent" size={18} />}</span>}
            <span>{item.label}</span>
          </button>
        )))}
    </div>
  );
}

const buttons = (list: HTMLElement) => [...list.querySelectorAll<HTMLButtonElement>(".menu-item")];

const gap = 4;

/** Below the button and in line with its end; above it or further in where the window ends. */
function place(list: HTMLElement, root: HTMLElement): void {
  const button = root.getBoundingClientRect();
  const { width, height } = list.getBoundingClientRect();
  const below = button.bottom + gap;
  const top = below + height <= innerHeight - gap || button.top < height + 2 * gap ? below : button.top - gap - height;
  const rightToLeft = getComputedStyle(root).direction === "rtl";
  const left = rightToLeft ? button.left : button.right - width;
  list.style.top = `${Math.max(gap, Math.min(top, innerHeight - height - gap))}px`;
  list.style.left = `${Math.max(gap, Math.min(left, innerWidth - width - gap))}px`;
}
