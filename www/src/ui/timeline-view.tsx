// The messages of one conversation, and all that is about scrolling: it stays at the newest message while the reader is there, holds still while the
// reader is further up, whatever comes or goes above or below, reads on before an end of what is shown is reached, and tells what has been seen.
import { useSignal } from "@preact/signals";
import { useCallback, useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { Message } from "jindou";
import { noticeOf, saysQuoted } from "../model/content";
import type { Timeline } from "../model/timeline";
import { dayOf, words } from "../words";
import { useChat } from "./context";
import { Icon } from "./icons";
import { MessageRow } from "./message-row";
import type { Jump } from "./quote";
import { rowsOf, type Day } from "./rows";
import "./timeline-view.css";

// Pixels: how near to the newest message counts as being there, and how early the next page is read.
const nearBottom = 48;
const nearEnd = 900;
// What is seen for less than this is not read.
const seenFor = 250;

interface Place { scrollTop: number; clientHeight: number }
const placeOf = ({ scrollTop, clientHeight }: Element): Place => ({ scrollTop, clientHeight });

export function TimelineView({ timeline, name }: { timeline: Timeline; name: string }) {
  const chat = useChat();
  const said = words.value;
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const anchor = useRef<{ element: Element; top: number } | undefined>(undefined);
  const place = useRef<Place | undefined>(undefined);
  const settled = useRef(false);
  const focused = useRef(false);
  const seen = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const away = useSignal(false);
  const reached = useSignal<string | undefined>(undefined);
  const messages = timeline.messages.value;
  const status = timeline.status.value;

  const rows = () => scroller.current!.getElementsByClassName("message");
  const visible = () => document.visibilityState === "visible" && (scroller.current?.clientHeight ?? 0) > 0;

  const tell = () => { timeline.newestInSight.value = visible() && timeline.atBottom; };

  const notePlace = () => {
    const box = scroller.current;
    place.current = undefined;
    if (!box || box.clientHeight === 0) return;
    place.current = placeOf(box);
    const top = box.getBoundingClientRect().top;
    const element = firstWith(rows(), (row) => row.getBoundingClientRect().bottom > top);
    anchor.current = element && { element, top: element.getBoundingClientRect().top - top };
    timeline.reading = (element as HTMLElement | undefined)?.dataset.key;
  };
  const lookAround = () => {
    const box = scroller.current;
    notePlace();
    // Gone already, or the pane is not shown.
    if (!box || box.clientHeight === 0) return tell();
    const below = box.scrollHeight - box.scrollTop - box.clientHeight;
    const atBottom = timeline.reachedEnd.peek() && below < nearBottom;
    away.value = !timeline.reachedEnd.peek() || below > box.clientHeight;
    if (atBottom && visible()) timeline.caughtUp();
    else timeline.atBottom = atBottom;
    tell();
    const line = timeline.unreadAbove.peek() > 0 && settled.current ? box.querySelector(".new-line") : null;
    if (line && line.getBoundingClientRect().top >= box.getBoundingClientRect().top) timeline.unreadAbove.value = 0;
    if (box.scrollTop < nearEnd && timeline.older.peek() === "idle") void timeline.loadOlder();
    if (below < nearEnd && timeline.newer.peek() === "idle") void timeline.loadNewer();
    lookWhatIsSeen();
  };
  const lookWhatIsSeen = () => {
    clearTimeout(seen.current);
    seen.current = setTimeout(() => {
      if (!scroller.current || !visible()) return;
      const bottom = scroller.current.getBoundingClientRect().bottom;
      const all = rows();
      const below = firstIndexWith(all, (row) => row.getBoundingClientRect().top + 8 > bottom);
      const keys = new Set([...all].slice(0, below).slice(-8).map((row) => (row as HTMLElement).dataset.key));
      const newest = timeline.messages.peek().findLast((message) => keys.has(message.key) && message.messageSeq !== undefined);
      if (newest?.messageSeq !== undefined) void chat.markRead(timeline.channel, newest.messageSeq);
    }, seenFor);
  };
  // The browser tells of a scroll with the next frame only; what comes before that must not be taken for seen, nor undo the scroll.
  const lookForUntoldScroll = () => {
    if (place.current && scroller.current && scroller.current.scrollTop !== place.current.scrollTop) lookAround();
  };
  const scrolledSince = (box: Element) => (place.current ? box.scrollTop - place.current.scrollTop : 0);
  const leftBottom = (box: Element) => {
    // A box that grows at the end of its content is moved up as much by the browser itself.
    const grown = place.current ? Math.max(0, box.clientHeight - place.current.clientHeight) : 0;
    return timeline.atBottom && scrolledSince(box) < -grown - 1;
  };
  /** Where the reader is when something is about to be drawn, and to go perhaps. */
  const beforeDrawing = () => {
    const box = scroller.current;
    if (!box || box.clientHeight === 0) return;
    focused.current = box.contains(document.activeElement);
    if (leftBottom(box)) timeline.atBottom = false;
    notePlace();
  };
  const afterDrawing = () => {
    const box = scroller.current!;
    // Where more went than came, the browser has moved the box itself.
    if (place.current) place.current.scrollTop = box.scrollTop;
    stay();
    if (!focused.current || document.activeElement !== document.body) return;
    const near = anchor.current?.element ?? rows()[rows().length - 1];
    (near as HTMLElement | undefined)?.focus({ preventScroll: true });
  };
  const stay = () => {
    const box = scroller.current;
    if (!box || box.clientHeight === 0) return lookAround();
    const scrolled = scrolledSince(box);
    if (leftBottom(box)) timeline.atBottom = false;
    else if (timeline.atBottom) box.scrollTop = box.scrollHeight;
    else if (anchor.current?.element.isConnected) {
      const moved = anchor.current.element.getBoundingClientRect().top - box.getBoundingClientRect().top - anchor.current.top + scrolled;
      if (Math.abs(moved) >= 1) box.scrollTop += moved;
    }
    lookAround();
  };
  /** Whoever was there goes on there: the button that leads to it is gone. */
  const toNewest = async () => {
    const reached = timeline.toNewest();
    // Where it is shown already, at once: nothing comes and nobody scrolls in between.
    if (!timeline.reachedEnd.peek()) await reached;
    const box = scroller.current;
    if (!box || !timeline.reachedEnd.peek()) return;
    box.scrollTop = box.scrollHeight;
    ([...rows()].at(-1) as HTMLElement | undefined)?.focus({ preventScroll: true });
    // Now: a scroll that follows is measured from here.
    lookAround();
  };

  /** To the first message, or, where nobody answers, the first that is here. */
  const toOldest = async () => {
    const reached = await timeline.toOldest();
    const box = scroller.current;
    if (!box || reached === undefined) return;
    box.scrollTop = 0;
    lookAround();
    (rows()[0] as HTMLElement | undefined)?.focus({ preventScroll: true });
  };
  const showLine = (line: Element) => {
    const box = scroller.current!;
    timeline.atBottom = false;
    box.scrollTop += line.getBoundingClientRect().top - box.getBoundingClientRect().top - 56;
    lookAround();
  };
  const toFirstUnread = async () => {
    const shown = await timeline.toFirstUnread();
    const line = scroller.current?.querySelector(".new-line");
    if (shown && line) {
      showLine(line);
      line.closest<HTMLElement>(".message")?.focus({ preventScroll: true });
    } else if (shown === false) chat.notices.add("info", (now) => now.loadFailed);
  };

  useLayoutEffect(() => {
    if (status !== "ready") return;
    const line = settled.current ? undefined : scroller.current!.querySelector(".new-line");
    settled.current = true;
    if (line) showLine(line);
    else afterDrawing();
  }, [messages, status, timeline.older.value, timeline.reachedStart.value, timeline.newer.value, timeline.reachedEnd.value]);

  useEffect(() => {
    timeline.lookForUntoldScroll = lookForUntoldScroll;
    const sizes = new ResizeObserver(stay);
    sizes.observe(scroller.current!);
    sizes.observe(content.current!);
    document.addEventListener("visibilitychange", lookAround);
    return () => {
      timeline.lookForUntoldScroll = () => {};
      sizes.disconnect();
      clearTimeout(seen.current);
      document.removeEventListener("visibilitychange", lookAround);
    };
  }, []);

  const onKeyDown = (event: KeyboardEvent) => {
    const row = (event.target as Element).closest<HTMLElement>(".message");
    if (!row || row !== event.target) return;
    if (event.key === "Enter" || event.key === "ContextMenu" || (event.key === "F10" && event.shiftKey)) {
      event.preventDefault();
      row.querySelector<HTMLElement>("[data-menu]")?.click();
      return;
    }
    if (event.key === "Home" && !timeline.reachedStart.peek()) {
      event.preventDefault();
      return void toOldest();
    }
    if (event.key === "End" && !timeline.reachedEnd.peek()) {
      event.preventDefault();
      return void toNewest();
    }
    const all = [...rows()] as HTMLElement[];
    const at = all.indexOf(row);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    all[Math.max(0, Math.min(all.length - 1, to))]?.focus();
  };

  /** Scrolls to a quoted message and shows which it is. */
  const jump: Jump = useCallback(async (quote) => {
    const { messageId, messageSeq } = quote;
    const seq = typeof messageSeq === "number" || (typeof messageSeq === "string" && /^\d{1,20}$/.test(messageSeq)) ? messageSeq : 0;
    const key = await timeline.locate(messageId, seq, (message) => saysQuoted(message, quote));
    // Another conversation was opened meanwhile.
    if (!scroller.current) return;
    const row = ([...rows()] as HTMLElement[]).find((one) => one.dataset.key === key);
    if (!key || !row) return chat.notices.add("info", (now) => now.quoteGone);
    row.scrollIntoView({ block: "center" });
    lookAround();
    row.focus({ preventScroll: true });
    row.classList.add("found");
    setTimeout(() => row.classList.remove("found"), 1600);
  }, []);

  // A notice of the system about something that I did is one of mine.
  const isOwn = (message: Message) => message.own || noticeOf(message)?.by?.uid === chat.account.uid;
  const days = rowsOf(messages, timeline.readTo.value, isOwn, timeline.cutAbove.value);
  beforeDrawing();
  const last = messages.at(-1)?.key;
  const tabbed = messages.some(({ key }) => key === reached.value) ? reached.value : last;
  return (
    <div class="timeline-frame">
      <div class="timeline" ref={scroller} onScroll={lookAround} onKeyDown={onKeyDown} tabIndex={-1}
        onContextMenu={(event) => {
          const row = (event.target as Element).closest(".message");
          if ((event as Event as PointerEvent).pointerType !== "touch" || !row) return;
          event.preventDefault();
          row.querySelector<HTMLElement>("[data-menu]")?.click();
        }}
        onFocusCapture={(event) => {
          const row = (event.target as Element).closest<HTMLElement>(".message");
          if (row) reached.value = row.dataset.key;
        }}>
        <div class="timeline-content" ref={content}>
          {status === "loading" && <p class="timeline-note"><span class="spinner" role="status" aria-label={said.loading} /></p>}
          {status === "failed" && (
            <p class="timeline-note" role="alert">{said.loadFailed} <button type="button" class="link-button" onClick={() => timeline.load()}>{said.tryAgain}</button></p>
          )}
          {status === "ready" && <Top timeline={timeline} empty={messages.length === 0} />}
          <div role="list" aria-label={said.timeline(name)}>
            {days.map((day) => <DayOfMessages key={day.key} day={day} tabbed={tabbed} jump={jump} />)}
          </div>
          {!timeline.reachedEnd.value && <Bottom timeline={timeline} />}
        </div>
      </div>
      {timeline.searching.value && <p class="timeline-search" role="status"><span class="spinner" />{said.searchingQuote}</p>}
      {timeline.unreadAbove.value > 0 && !timeline.searching.value && (
        <button type="button" class="to-unread" onClick={toFirstUnread} title={said.toFirstUnread}>
          <Icon name="up" size={18} />
          <span>{said.newMessages(timeline.unreadAbove.value)}</span>
        </button>
      )}
      {(timeline.fresh.value > 0 || away.value) && (
        <button type="button" class={`to-newest ${timeline.fresh.value > 0 ? "fresh" : ""}`} onClick={toNewest}
          aria-label={timeline.fresh.value > 0 ? undefined : said.toNewest} title={said.toNewest}>
          <Icon name="down" size={18} />
          {timeline.fresh.value > 0 && <span>{said.newMessages(timeline.fresh.value)}</span>}
        </button>
      )}
    </div>
  );
}

function DayOfMessages({ day, tabbed, jump }: { day: Day; tabbed: string | undefined; jump: Jump }) {
  return (
    <div class="day" role="presentation">
      <div class="day-name" role="presentation"><span>{dayOf(day.key)}</span></div>
      {day.rows.map(({ message, first, newLine, position }) => (
        <MessageRow key={message.key} message={message} first={first} newLine={newLine} position={position} tabbed={message.key === tabbed} jump={jump} />
      ))}
    </div>
  );
}

function Top({ timeline, empty }: { timeline: Timeline; empty: boolean }) {
  const said = words.value;
  const older = timeline.older.value;
  if (empty) return <div class="empty"><Icon name="chat" size={40} /><p>{said.nothingSaid}</p></div>;
  if (timeline.reachedStart.value) return <p class="timeline-note">{said.beginning}</p>;
  if (older === "failed") {
    return <p class="timeline-note" role="alert">{said.loadFailed} <button type="button" class="link-button" onClick={() => timeline.loadOlder()}>{said.tryAgain}</button></p>;
  }
  if (older === "waiting") return <p class="timeline-note">{said.olderWaiting}</p>;
  return <p class="timeline-note"><span class="spinner" role="status" aria-label={said.loading} /></p>;
}

function Bottom({ timeline }: { timeline: Timeline }) {
  const said = words.value;
  if (timeline.newer.value !== "failed") return <p class="timeline-note"><span class="spinner" role="status" aria-label={said.loading} /></p>;
  return <p class="timeline-note" role="alert">{said.loadFailed} <button type="button" class="link-button" onClick={() => timeline.loadNewer()}>{said.tryAgain}</button></p>;
}

/** Rows stand one below the other, so what is on one side of a line is found by halving. */
function firstIndexWith(rows: ArrayLike<Element>, holds: (row: Element) => boolean): number {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(rows[middle]!)) high = middle;
    else low = middle + 1;
  }
  return low;
}

const firstWith = (rows: ArrayLike<Element>, holds: (row: Element) => boolean): Element | undefined => rows[firstIndexWith(rows, holds)];
