// The thread of a watchdog. Its own standard streams pass through the main thread, which is blocked when there is
// something to say: so it writes to the descriptor.
import { writeSync } from 'node:fs';
import { Session } from 'node:inspector';
import { workerData } from 'node:worker_threads';
import { formatFrame, framesOfProgram, pathOf, type StackFrame } from './stack.ts';
import { printable } from './text.ts';
import { SharedState, type WatchdogSettings } from './watchdog-memory.ts';

const standardError = 2;
/**
 * Milliseconds until the thread can be interrupted: a call that is none of JavaScript's has to return first, and the place
 * that is then told is the one behind it.
 */
const stackPatience = 5000;

const { memory, threshold, stack } = workerData as WatchdogSettings;
const state = new SharedState(memory);
const interval = Math.max(1, threshold / 4);

let pulse = '';
let movedAt = performance.now();
let lookedAt = movedAt;
let told = false;

setInterval(() => {
  const now = performance.now();
  // Not having been run ourselves proves nothing about others: the whole process was stopped, or the machine.
  const late = now - lookedAt > interval + threshold / 2;
  lookedAt = now;
  if (state.pulse !== pulse) {
    if (told) say(`the loop goes on, after ${Math.round(now - movedAt)} ms`);
    told = false;
    pulse = state.pulse;
    movedAt = now;
  } else if (late && !told) {
    movedAt = now;
  } else if (!told && now - movedAt >= threshold) {
    told = true;
    const culprit = state.inCallback
      ? printable(state.name)
      : 'something outside its callbacks: a callback of the host, or a microtask';
    say(`the loop is blocked for ${Math.round(now - movedAt)} ms by ${culprit}`);
    if (stack) tellStack();
  }
}, interval);

function say(text: string): void {
  try {
    writeSync(standardError, `tulipa watchdog: ${text}\n`);
  } catch {
    // Nobody listens.
  }
}

interface PausedFrame {
  readonly functionName: string;
  readonly location: {
    readonly scriptId: string;
    readonly lineNumber: number;
    readonly columnNumber?: number;
  };
}

/** Interrupts the main thread's code to see where it is. */
function tellStack(): void {
  const urls = new Map<string, string>();
  const session = new Session();
  const end = () => {
    clearTimeout(patience);
    session.disconnect();
  };
  const patience = setTimeout(end, stackPatience);
  try {
    session.connectToMainThread();
    session.on('Debugger.scriptParsed', ({ params }) => void urls.set(params.scriptId, params.url));
    session.on('Debugger.paused', ({ params }) => {
      const frames = (params.callFrames as readonly PausedFrame[]).map(
        ({ functionName, location }): StackFrame => ({
          name: functionName,
          file: pathOf(urls.get(location.scriptId) ?? '') || null,
          line: location.lineNumber + 1,
          column: (location.columnNumber ?? 0) + 1,
          kind: 'function',
        }),
      );
      session.post('Debugger.resume', end);
      for (const frame of framesOfProgram(frames)) say(`    at ${printable(formatFrame(frame))}`);
    });
    session.post('Debugger.enable');
    session.post('Debugger.pause');
  } catch {
    end(); // A Node without an inspector.
  }
}
