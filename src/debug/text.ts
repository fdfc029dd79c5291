/** Rows under one another, columns two blanks apart. */
export function formatColumns(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length);
  }
  return rows
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

const textLengthMax = 120;

/**
 * Text of another process for one line of a terminal: names are the user's own, and may hold line ends and what a
 * terminal takes for commands.
 */
export function printable(text: unknown): string {
  const clean = String(text ?? '').replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  return clean.length <= textLengthMax ? clean : `${clean.slice(0, textLengthMax - 1)}…`;
}
