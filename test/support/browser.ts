import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

/** The browser of the machine; null: it has none. */
export function findBrowser(): string | null {
  const directories = (process.env['PATH'] ?? '').split(delimiter);
  for (const name of ['chromium', 'chromium-browser', 'google-chrome', 'chrome']) {
    for (const directory of directories) {
      const path = join(directory, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // Not there.
      }
    }
  }
  return null;
}

interface Answer {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
  readonly method?: string;
  readonly params?: unknown;
}

/**
 * A browser without a window, with one page, spoken to by a pipe.
 *
 * @see "Chrome DevTools Protocol", and `--remote-debugging-pipe`: JSON, each message ended by a zero byte
 */
export class Browser {
  /** what the page's console was told of errors, and what its scripts have thrown */
  readonly complaints: string[] = [];
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #input: Writable;
  readonly #answers = new Map<number, (answer: Answer) => void>();
  readonly #events = new Map<string, () => void>();
  #calls = 0;
  #session = '';
  #rest = '';

  static async start(path: string, { width = 1280, height = 800, dark = false } = {}): Promise<Browser> {
    const browser = new Browser(path, width, height);
    const { targetId } = await browser.#call<{ targetId: string }>('Target.createTarget', {
      url: 'about:blank',
    });
    const attached = { targetId, flatten: true };
    const { sessionId } = await browser.#call<{ sessionId: string }>('Target.attachToTarget', attached);
    browser.#session = sessionId;
    await browser.#call('Page.enable');
    await browser.#call('Runtime.enable');
    await browser.#call('Log.enable');
    await browser.#call('Emulation.setEmulatedMedia', {
      features: [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }],
    });
    return browser;
  }

  private constructor(path: string, width: number, height: number) {
    this.#folder = mkdtempSync(join(tmpdir(), 'tulipa-browser-'));
    const options = [
      '--headless=new',
      // Who tests is root in many a container, where the sandbox refuses to work. The page is our own.
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--disable-extensions',
      '--disable-background-networking',
      '--disable-component-update',
      '--no-first-run',
      '--no-proxy-server',
      '--remote-debugging-pipe',
      `--user-data-dir=${this.#folder}`,
      `--window-size=${width},${height}`,
      'about:blank',
    ];
    this.#child = spawn(path, options, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
    this.#input = this.#child.stdio[3] as Writable;
    const output = this.#child.stdio[4] as Readable;
    output.setEncoding('utf8').on('data', (text: string) => this.#read(text));
    const failed = () => {
      for (const answer of this.#answers.values()) answer({ error: { message: 'the browser has gone' } });
      this.#answers.clear();
    };
    this.#input.on('error', failed);
    this.#child.on('error', failed).on('exit', failed);
  }

  async open(url: string): Promise<void> {
    const loaded = new Promise<void>((resolve) => this.#events.set('Page.loadEventFired', resolve));
    await this.#call('Page.navigate', { url });
    await loaded;
  }

  /** The value of an expression in the page, after its next frame was drawn. */
  async evaluate<T>(expression: string): Promise<T> {
    const settled = 'await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));';
    const { result, exceptionDetails } = await this.#call<{
      result: { value: T };
      exceptionDetails?: { exception?: { description?: string } };
    }>('Runtime.evaluate', {
      expression: `(async () => { ${settled} return ${expression}; })()`,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails !== undefined)
      throw new Error(`Cannot evaluate in the page: ${exceptionDetails.exception?.description}`);
    return result.value;
  }

  /** One key after another, by their names in `KeyboardEvent.key`. */
  async press(...keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      const text = key.length === 1 ? { text: key } : key === 'Enter' ? { text: '\r' } : {};
      await this.#call('Input.dispatchKeyEvent', { type: 'keyDown', key, ...text });
      await this.#call('Input.dispatchKeyEvent', { type: 'keyUp', key });
    }
  }

  async pointAt(x: number, y: number): Promise<void> {
    await this.#call('Input.dispatchMouseEvent', { type: 'mouseMoved', x, y });
  }

  async click(x: number, y: number): Promise<void> {
    const button = { x, y, button: 'left', clickCount: 1 };
    await this.#call('Input.dispatchMouseEvent', { type: 'mousePressed', ...button });
    await this.#call('Input.dispatchMouseEvent', { type: 'mouseReleased', ...button });
  }

  /** A picture of the page, as a PNG. */
  async picture(): Promise<Buffer> {
    const { data } = await this.#call<{ data: string }>('Page.captureScreenshot', { format: 'png' });
    return Buffer.from(data, 'base64');
  }

  async close(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const gone = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()));
      this.#child.kill('SIGKILL');
      await gone;
    }
    // Its helpers may write for a moment yet.
    removeFolder(this.#folder);
  }

  #call<R>(method: string, params: object = {}): Promise<R> {
    const id = ++this.#calls;
    return new Promise((resolve, reject) => {
      this.#answers.set(id, ({ result, error }) => {
        if (error === undefined) resolve(result as R);
        else reject(new Error(`Cannot call ${method} of the browser: ${error.message}`));
      });
      const session = this.#session === '' ? {} : { sessionId: this.#session };
      this.#input.write(`${JSON.stringify({ id, method, params, ...session })}\0`);
    });
  }

  #read(text: string): void {
    const parts = (this.#rest + text).split('\0');
    this.#rest = parts.pop() ?? '';
    for (const part of parts) this.#take(JSON.parse(part) as Answer);
  }

  #take(answer: Answer): void {
    const { id, method, params } = answer;
    if (id !== undefined) {
      this.#answers.get(id)?.(answer);
      this.#answers.delete(id);
      return;
    }
    if (
      method === 'Runtime.exceptionThrown' ||
      method === 'Log.entryAdded' ||
      method === 'Runtime.consoleAPICalled'
    )
      this.complaints.push(JSON.stringify(params));
    if (method !== undefined) this.#events.get(method)?.();
  }
}

/** What is left of the browser may still write into it; to try again is to look again what is in it. */
function removeFolder(path: string): void {
  for (let tries = 1; ; tries++) {
    try {
      rmSync(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
      return;
    } catch (error) {
      if (tries === 3) throw error;
    }
  }
}
