import { createHash } from 'node:crypto';
import type { TraceEvent } from '../drivers/simulation/index.ts';
import * as eventText from './event-text.ts';
import * as axis from './timeline-axis.ts';
import * as model from './timeline-model.ts';
import * as page from './timeline-page.ts';
import * as painting from './timeline-paint.ts';
import { timelineStyle } from './timeline-style.ts';

export interface TimelineOptions {
  /** above the page; 'Simulation' unless given */
  title?: string | undefined;
  /** how the course of events failed, in one line; '' unless given: it did not, as far as is known */
  failure?: string | undefined;
}

/**
 * What the page runs: functions of this project, embedded as their own text, so that they are type-checked, linted, and
 * tested where no browser is. So they refer to nothing but one another, by the names that they have where they are written,
 * and to what the language has.
 */
const pageFunctions = [eventText, axis, model, painting, page].flatMap((module) => Object.values(module));

/** One file for a browser: hosts side by side, time downwards, an event a row; loads nothing. */
export function timelineHtml(
  events: readonly TraceEvent[],
  omitted: number,
  options: TimelineOptions,
): string {
  const title = escapeHtml(options.title ?? 'Simulation');
  const script = pageScript();
  const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  // Whatever text comes into the page, nothing but this script runs, and nothing is fetched.
  const policy = `default-src 'none'; style-src ${hash(timelineStyle)}; script-src ${hash(script)}`;
  const { failure = '' } = options;
  const failed = failure === '' ? '' : `<p class="failure" role="note">${escapeHtml(failure)}</p>`;
  const warning =
    omitted === 0 ? '' : `<span class="warning">${countOf(omitted, 'earlier event')} left out</span>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${timelineStyle}</style>
</head>
<body>
<header>
  <div class="head"><h1>${title}</h1><span class="summary">${summary(events)}</span>${warning}</div>${failed}
  <div class="tools">
    <div class="group" role="search">
      <input type="search" id="search" placeholder="Search  /" aria-label="Search events" aria-keyshortcuts="/">
      <button id="previous" type="button" aria-label="Previous found" title="Previous found (N)">↑</button>
      <button id="next" type="button" aria-label="Next found" title="Next found (n)">↓</button>
      <span id="found" class="found" role="status"></span>
    </div>
    <span class="spring"></span>
    <div class="group" role="group" aria-label="Zoom">
      <button id="zoom-out" type="button" aria-label="Zoom out" title="Zoom out (-)">−</button>
      <button id="zoom-usual" type="button" title="A line for each event (1)">1:1</button>
      <button id="zoom-in" type="button" aria-label="Zoom in" title="Zoom in (+)">+</button>
      <button id="zoom-fit" type="button" title="Everything at once (0)">Fit</button>
    </div>
    <button id="theme" type="button" aria-label="Change between light and dark" title="Light or dark">◐</button>
    <button id="show-help" type="button" aria-label="Keys and signs" title="Keys and signs (?)">?</button>
  </div>
  <div class="tools">
    <fieldset class="group" id="hosts"><legend>Hosts</legend></fieldset>
    <fieldset class="group" id="kinds"><legend>Events</legend></fieldset>
  </div>
</header>
<div class="overview" id="overview"><canvas id="overview-canvas" role="img" aria-label="All events in little; the list below has them as text"></canvas><div class="window" id="overview-window"></div></div>
<main>
  <div class="heads" id="heads" aria-hidden="true"></div>
  <div class="stage">
    <div class="scroll" id="scroll" role="grid" aria-label="Events" aria-readonly="true" tabindex="0"><div class="space" id="space" role="presentation"></div></div>
    <canvas class="graph" id="graph" aria-hidden="true"></canvas>
    <p class="empty" id="empty" hidden>No event is shown: every one is filtered out.</p>
  </div>
  <section class="detail" id="detail" aria-label="The selected event" aria-live="polite"></section>
</main>
<div class="tip" id="tip" aria-hidden="true" hidden></div>
<dialog id="help" aria-labelledby="help-title">
  <h2 id="help-title">Keys and signs</h2>
  <dl>
    <dt><kbd>↓</kbd> <kbd>↑</kbd> <kbd>j</kbd> <kbd>k</kbd></dt><dd>next and previous event</dd>
    <dt><kbd>→</kbd> <kbd>←</kbd></dt><dd>next and previous event on the same host</dd>
    <dt><kbd>m</kbd> or <kbd>Enter</kbd></dt><dd>the other end of a message</dd>
    <dt><kbd>t</kbd> <kbd>T</kbd></dt><dd>next and previous event of the same task</dd>
    <dt><kbd>/</kbd> <kbd>n</kbd> <kbd>N</kbd></dt><dd>search; next and previous one found</dd>
    <dt><kbd>+</kbd> <kbd>-</kbd> <kbd>1</kbd> <kbd>0</kbd></dt><dd>zoom in and out; a line for each event; everything at once. Also Ctrl and the wheel</dd>
    <dt><kbd>Home</kbd> <kbd>End</kbd></dt><dd>first and last event</dd>
    <dt><kbd>Esc</kbd></dt><dd>select nothing</dd>
  </dl>
  <dl>
    <dt>line</dt><dd>a host; what is sent leaves it and arrives at it. ✕: lost</dd>
    <dt>bar</dt><dd>a task: pale while it waits, full while it runs. A dot: it has returned; a ring: was cancelled; ✕: failed</dd>
    <dt>hatched</dt><dd>the host is down, or paused</dd>
    <dt>dashed, red</dt><dd>the link is cut there</dd>
    <dt>■ ▲ ○</dt><dd>something happens to the host; a fault is made, or put right; the program says something</dd>
  </dl>
  <p>Time runs downwards. Each event has a line, also where several are at one instant; where nothing happens for long, the time that goes by is written there.</p>
  <button id="close-help" type="button">Close</button>
</dialog>
<noscript><p class="empty">This page draws the trace by its script, which does not run here. As text: write the trace to a .txt file.</p></noscript>
<script type="application/json" id="events">${escapeJson(JSON.stringify(events))}</script>
<script>${script}</script>
</body>
</html>
`;
}

function pageScript(): string {
  // Some tools that run TypeScript wrap inner functions in a helper of that name.
  const helper = 'const __name = (named) => named;';
  const start = `showTimeline(window, JSON.parse(document.getElementById('events').textContent));`;
  const script = `'use strict';{${[helper, ...pageFunctions.map(String), start].join('\n')}}`;
  if (/<\/script|<!--/i.test(script)) throw new Error('Cannot make the page: its script would end too early');
  return script;
}

function summary(events: readonly TraceEvent[]): string {
  const hosts = new Set<string>();
  for (const { host } of events) if (host !== null) hosts.add(host);
  const begin = events[0]?.time ?? 0;
  const end = events.at(-1)?.time ?? 0;
  const parts = [countOf(events.length, 'event'), countOf(hosts.size, 'host')];
  if (events.length > 0) parts.push(`${eventText.formatDuration(end - begin)} of virtual time`);
  return parts.join(' · ');
}

function countOf(count: number, what: string): string {
  return `${String(count).replace(/\B(?=(?:\d{3})+$)/g, '\u202f')} ${what}${count === 1 ? '' : 's'}`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** A text that is JSON still, and in which no mark-up begins. */
function escapeJson(json: string): string {
  return json.replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
