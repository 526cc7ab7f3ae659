// The drawings of the page: strokes on a 20 by 20 field, in the colour of the text around them. They say nothing to a screen reader; what carries
// them has a label.
const strokes = {
  send: "M3.5 10 16.5 4l-4 12.5-3-5.5zM9.5 11l3-3",
  back: "M12.5 4.5 7 10l5.5 5.5",
  more: "M4.5 10h.01M10 10h.01M15.5 10h.01",
  plus: "M10 4v12M4 10h12",
  close: "m5 5 10 10M15 5 5 15",
  search: "M9 14.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM13 13l4 4",
  reply: "M8 5 3.5 9.5 8 14M4 9.5h7.5c3 0 5 1.8 5 5.5",
  recall: "M4 8h8a4 4 0 0 1 0 8H8M4 8l3.5-3.5M4 8l3.5 3.5",
  restore: "M16 8H8a4 4 0 0 0 0 8h4M16 8l-3.5-3.5M16 8l-3.5 3.5",
  edit: "m12.5 4.5 3 3L7.5 15.5l-4 1 1-4z",
  copy: "M7.5 7.5h8v8h-8zM5 12.500H4.500v-8h8V5",
  discard: "M4 6h12M8 6V4h4v2M5.5 6l.8 10h7.4l.8-10",
  retry: "M16 10a6 6 0 1 1-2-4.5M16 3v4h-4",
  people: "M7.5 9.500a2.75 2.75 0 1 0 0-5.5 2.75 2.75 0 0 0 0 5.500zM2.5 16c0-3 2-4.8 5-4.800s5 1.8 5 4.800M13 4.300a2.6 2.6 0 0 1 0 5M14.5 11.500c2 .5 3 2 3 4.5",
  beside: "M3.5 4.500h13v11h-13zM10 4.500v11",
  inspect: "M3 10.500h3l2-5.5 3.5 10 2.5-4.500h3",
  network: "M3 8.200a10 10 0 0 1 14 0M5.6 11a6.2 6.2 0 0 1 8.8 0M10 15h.01",
  networkOff: "M3 8.200a10 10 0 0 1 4-2.400M11 5.300a10 10 0 0 1 6 2.900M5.6 11a6.2 6.2 0 0 1 3-1.700M10 15h.01M3.5 3.500l13 13",
  down: "M10 4v11M5 10.500l5 5 5-5",
  up: "M10 16V5M5 9.500l5-5 5 5",
  exit: "M11.5 4h-7v12h7M8.5 10H17M14 7l3 3-3 3",
  at: "M13 10a3 3 0 1 1-6 0 3 3 0 0 1 6 0zM13 7v4a2 2 0 0 0 4 0v-1a7 7 0 1 0-3 5.8",
  clock: "M10 16.500a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM10 6.500V10l2.5 1.5",
  sent: "m4.5 10.5 3.5 3.5 7.5-8",
  unconfirmed: "m2.5 10.5 3.5 3.5 7-8M16.5 9.5v3.5M16.5 16h.01",
  alert: "M10 16.500a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM10 6.500v4M10 13.300h.01",
  chat: "M4 4.500h12v8.500H9l-3.5 3V13H4z",
  theme: "M10 3.500a6.5 6.5 0 1 0 0 13zM10 3.500a6.5 6.5 0 0 1 0 13",
  language: "M3 5.500h8M7 4v1.500M9.5 5.500c-.7 3-2.8 5.3-6 6.500M4.8 8c1 1.8 2.6 3 4.7 3.800M9.5 16.500l3.5-8 3.5 8M10.7 14h4.6",
  pause: "M7.5 5v10M12.5 5v10",
  play: "M7 4.500v11l8-5.500z",
} as const;

export type IconName = keyof typeof strokes;

export function Icon({ name, size = 20 }: { name: IconName; size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 20 20" fill="none" stroke="currentColor" stroke-linecap="round" stroke-linejoin="round"
      stroke-width={name === "more" ? 2.4 : 1.5} aria-hidden="true" focusable="false">
      <path d={strokes[name]} />
    </svg>
  );
}

/** 筋斗云, the somersault cloud. */
export function Cloud({ size = 40 }: { size?: number }) {
  return (
    <svg class="cloud" width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="9" />
      <path class="cloud-body" d="M9.4 22.5a4.9 4.9 0 0 1-.5-9.7 7.2 7.2 0 0 1 13.8-1.1 5.5 5.5 0 0 1 .5 10.800z" />
      <path class="cloud-curl" d="M12.2 18.300c1.6 1.7 4.6 1.3 5.1-.8.4-1.9-2.3-2.8-3-1.1" />
    </svg>
  );
}
