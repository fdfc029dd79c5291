/** The style of the page. */
export const timelineStyle = `
:root {
  color-scheme: light dark;
  --bg: #f6f4f0; --surface: #fffefc; --raised: #f1eee8; --ink: #201e1b; --muted: #6a655d; --line: #e2ddd4;
  --accent: #b01e48; --accent-soft: #f9e3e9; --bad: #c22a1b; --bad-soft: #fbe6e2; --mark: #ffe48a; --mark-ink: #201e1b;
  --lightness: 0.51; --chroma: 0.15;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
:root[data-theme="dark"] {
  color-scheme: dark;
  --bg: #121115; --surface: #18171c; --raised: #222027; --ink: #ece9e5; --muted: #a09a94; --line: #302d36;
  --accent: #ff7d9c; --accent-soft: #3a202a; --bad: #ff7a66; --bad-soft: #3b211e; --mark: #6b5410; --mark-ink: #fff3cf;
  --lightness: 0.77; --chroma: 0.13;
}
:root[data-theme="light"] { color-scheme: light; }
* { box-sizing: border-box; }
html, body { height: 100%; margin: 0; }
body {
  display: flex; flex-direction: column; background: var(--bg); color: var(--ink);
  font: 13px/1.4 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
}
header { padding: 12px 16px 10px; display: grid; gap: 8px; border-bottom: 1px solid var(--line); background: var(--surface); }
.head { display: flex; flex-wrap: wrap; align-items: baseline; gap: 4px 14px; }
h1 { margin: 0; font-size: 16px; font-weight: 650; letter-spacing: -0.01em; overflow-wrap: anywhere; unicode-bidi: isolate; }
.summary { color: var(--muted); font-variant-numeric: tabular-nums; }
.warning { color: var(--bad); font-weight: 600; }
.failure { margin: 0; color: var(--bad); font: 600 12px/1.4 var(--mono); overflow-wrap: anywhere; unicode-bidi: isolate; }
.failure::before { content: "✕ "; }
.tools { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 14px; }
.group { display: flex; align-items: center; gap: 4px; border: 0; padding: 0; margin: 0; flex-wrap: wrap; min-width: 0; }
#hosts { max-height: 60px; overflow-y: auto; }
.group legend { float: left; padding: 0; margin-right: 4px; color: var(--muted); font-size: 12px; }
.spring { flex: 1; }
button, input[type="search"] {
  font: inherit; color: inherit; background: var(--surface); border: 1px solid var(--line); border-radius: 6px; height: 28px;
}
button { padding: 0 9px; cursor: pointer; min-width: 28px; }
button:hover { background: var(--raised); }
button:disabled { color: var(--muted); cursor: default; opacity: .6; }
input[type="search"] { padding: 0 9px; width: min(260px, 50vw); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
.found { color: var(--muted); min-width: 9ch; font-variant-numeric: tabular-nums; }
.chip { position: relative; display: inline-flex; }
.chip input { position: absolute; inset: 0; margin: 0; opacity: 0; cursor: pointer; }
.chip span {
  display: inline-flex; align-items: center; gap: 6px; height: 24px; padding: 0 9px; border-radius: 12px;
  border: 1px solid var(--line); background: var(--surface); max-width: 22ch;
  white-space: nowrap; overflow: hidden; text-overflow: ellipsis;
}
.chip span::before { content: ""; width: 8px; height: 8px; border-radius: 50%; background: var(--dot, var(--muted)); flex: none; }
.chip input:hover + span { background: var(--raised); }
.chip input:not(:checked) + span { color: var(--muted); text-decoration: line-through; background: transparent; }
.chip input:not(:checked) + span::before { background: transparent; box-shadow: inset 0 0 0 1.5px var(--muted); }
.chip input:focus-visible + span { outline: 2px solid var(--accent); outline-offset: 1px; }
.chip small { color: var(--muted); font-size: 11px; font-variant-numeric: tabular-nums; }
.overview { position: relative; border-bottom: 1px solid var(--line); background: var(--surface); cursor: pointer; touch-action: none; }
.overview canvas { display: block; width: 100%; height: 100%; }
.window {
  position: absolute; top: 0; bottom: 0; left: 0; min-width: 6px; border-radius: 3px; pointer-events: none;
  background: color-mix(in srgb, var(--accent) 12%, transparent); box-shadow: inset 0 0 0 1.5px var(--accent);
}
main { position: relative; flex: 1; min-height: 0; display: flex; flex-direction: column; background: var(--surface); }
.heads { position: relative; height: 30px; border-bottom: 1px solid var(--line); background: var(--raised); color: var(--muted); font-size: 12px; overflow: hidden; flex: none; }
.heads > span { position: absolute; top: 0; line-height: 30px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.heads .host { color: var(--host); font-weight: 650; }
.heads.narrow { height: 92px; }
.heads.narrow > span { top: auto; bottom: 0; }
.heads.narrow .host { writing-mode: vertical-rl; transform: rotate(180deg); bottom: 8px; max-height: 78px; line-height: 16px; }
.stage { position: relative; flex: 1; min-height: 0; overflow: hidden; }
.scroll { position: absolute; inset: 0; overflow-y: scroll; overflow-x: hidden; outline-offset: -2px; }
.scroll:focus-visible { outline-width: 1px; outline-offset: -1px; }
.space { position: relative; overflow: hidden; }
.graph { position: absolute; top: 0; pointer-events: none; }
.row {
  position: absolute; left: 0; right: 0; display: flex; align-items: center; white-space: pre; cursor: default;
  font-family: var(--mono); font-size: 12px; border-radius: 4px;
}
.row:hover { background: var(--raised); }
.row.other { background: color-mix(in srgb, var(--accent) 7%, transparent); }
.row.selected { background: var(--accent-soft); }
.row .time { flex: none; text-align: right; padding-right: 12px; color: var(--muted); font-variant-numeric: tabular-nums; }
.row.same .time { opacity: .38; }
.row .what { position: absolute; right: 12px; overflow: hidden; text-overflow: ellipsis; unicode-bidi: isolate; }
.row .who { color: var(--host); font-weight: 650; }
.row .where { color: var(--muted); }
.row.task .text { color: var(--muted); }
.row.lost .text, .row .bad { color: var(--bad); }
.tag { font: 600 10px/16px system-ui, sans-serif; padding: 0 6px; border-radius: 8px; background: var(--raised); display: inline-block; vertical-align: 1px; }
.fault .tag { background: var(--bad-soft); color: var(--bad); }
.said .text { font-style: italic; }
mark { background: var(--mark); color: var(--mark-ink); border-radius: 2px; }
.gap { position: absolute; left: 0; right: 0; display: flex; align-items: center; color: var(--muted); font-size: 11px; pointer-events: none; }
.gap::after { content: ""; flex: 1; border-top: 1.5px dotted var(--muted); opacity: .55; }
.gap span { width: 118px; padding-right: 12px; text-align: right; font-variant-numeric: tabular-nums; flex: none; }
.empty { padding: 40px; text-align: center; color: var(--muted); }
.tip {
  position: fixed; z-index: 3; max-width: 420px; padding: 5px 9px; border-radius: 6px; pointer-events: none; font-size: 12px;
  background: var(--ink); color: var(--surface); white-space: pre-wrap; overflow-wrap: anywhere; box-shadow: 0 4px 14px rgb(0 0 0 / .22);
}
.detail { flex: none; border-top: 1px solid var(--line); background: var(--surface); padding: 8px 16px 10px; min-height: 66px; display: grid; gap: 5px; max-height: 30vh; overflow: auto; }
.detail p { margin: 0; }
.detail .text { font: 13px/1.45 var(--mono); white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: isolate; }
.facts { display: flex; flex-wrap: wrap; gap: 3px 18px; color: var(--muted); align-items: center; font-variant-numeric: tabular-nums; }
.facts b { color: var(--ink); font-weight: 600; unicode-bidi: isolate; }
.facts button { height: 24px; font-size: 12px; }
.key { display: inline-flex; align-items: center; gap: 5px; }
dialog { border: 1px solid var(--line); border-radius: 10px; background: var(--surface); color: var(--ink); padding: 18px 22px; max-width: 560px; }
dialog::backdrop { background: rgb(0 0 0 / .35); }
dialog h2 { margin: 0 0 10px; font-size: 15px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 5px 16px; margin: 0 0 14px; }
dt, dd { margin: 0; }
kbd { font: 11px/1 var(--mono); padding: 2px 5px; border: 1px solid var(--line); border-bottom-width: 2px; border-radius: 4px; background: var(--raised); }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (prefers-reduced-motion: no-preference) { button, .chip span { transition: background-color .12s; } }
@media (forced-colors: active) { .row.selected { outline: 2px solid Highlight; } }
@media print { .detail, .failure { margin: 0; color: var(--bad); font: 600 12px/1.4 var(--mono); overflow-wrap: anywhere; unicode-bidi: isolate; }
.failure::before { content: "✕ "; }
.tools { display: none; } }
`;
