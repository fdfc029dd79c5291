/** What the page of a timeline uses of a browser: the project is typed without one. @see the HTML standard */
export interface PageElement {
  readonly clientWidth: number;
  readonly clientHeight: number;
  readonly style: Record<string, string> & { setProperty(name: string, value: string): void };
  className: string;
  id: string;
  textContent: string | null;
  title: string;
  hidden: boolean;
  scrollTop: number;
  tabIndex: number;
  readonly classList: { toggle(name: string, force: boolean): boolean; contains(name: string): boolean };
  append(...children: (PageElement | string)[]): void;
  replaceChildren(...children: (PageElement | string)[]): void;
  remove(): void;
  setAttribute(name: string, value: string): void;
  removeAttribute(name: string): void;
  getBoundingClientRect(): { readonly left: number; readonly top: number; readonly width: number };
  addEventListener(
    type: string,
    listener: (event: PageEvent) => void,
    options?: { readonly passive: boolean },
  ): void;
  focus(): void;
  setPointerCapture(id: number): void;
}

export interface PageInput extends PageElement {
  value: string;
  checked: boolean;
  type: string;
  select(): void;
}

export interface PageDialog extends PageElement {
  readonly open: boolean;
  showModal(): void;
  close(): void;
}

export interface PageCanvas extends PageElement {
  width: number;
  height: number;
  getContext(kind: '2d'): Painter;
}

/** A `CanvasRenderingContext2D`. */
export interface Painter {
  fillStyle: unknown;
  strokeStyle: unknown;
  lineWidth: number;
  globalAlpha: number;
  font: string;
  textAlign: string;
  textBaseline: string;
  lineCap: string;
  setTransform(a: number, b: number, c: number, d: number, e: number, f: number): void;
  setLineDash(dashes: readonly number[]): void;
  createPattern(canvas: PageCanvas, repetition: 'repeat'): unknown;
  drawImage(canvas: PageCanvas, x: number, y: number, width: number, height: number): void;
  measureText(text: string): { readonly width: number };
  clearRect(x: number, y: number, width: number, height: number): void;
  fillRect(x: number, y: number, width: number, height: number): void;
  strokeRect(x: number, y: number, width: number, height: number): void;
  fillText(text: string, x: number, y: number, widthMax?: number): void;
  beginPath(): void;
  closePath(): void;
  moveTo(x: number, y: number): void;
  lineTo(x: number, y: number): void;
  bezierCurveTo(x1: number, y1: number, x2: number, y2: number, x: number, y: number): void;
  arc(x: number, y: number, radius: number, from: number, to: number): void;
  fill(): void;
  stroke(): void;
}

export interface PageEvent {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
  readonly shiftKey: boolean;
  readonly clientX: number;
  readonly clientY: number;
  readonly deltaY: number;
  readonly buttons: number;
  readonly pointerId: number;
  readonly target: unknown;
  preventDefault(): void;
}

export interface PageWindow {
  readonly document: {
    readonly documentElement: PageElement;
    readonly activeElement: unknown;
    getElementById(id: string): PageElement | null;
    createElement(name: string): PageElement;
  };
  readonly devicePixelRatio: number;
  addEventListener(type: string, listener: (event: PageEvent) => void): void;
  requestAnimationFrame(callback: () => void): number;
  getComputedStyle(element: PageElement): { getPropertyValue(name: string): string };
  readonly ResizeObserver: new (callback: () => void) => { observe(element: PageElement): void };
  matchMedia(query: string): {
    readonly matches: boolean;
    addEventListener(type: 'change', listener: () => void): void;
  };
}
