/** Our loop as a guest of GLib's main loop, beside GTK and whatever else GLib turns. */
export { type GlibLoopOptions, glibLoop } from './glib-loop.ts';
export { runGlib } from './run-glib.ts';
