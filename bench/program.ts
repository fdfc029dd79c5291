import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The file of a program of this folder, which is compiled if we are. @param name without extension, e.g. `echo/load` */
export function programFile(name: string): string {
  const extension = extname(fileURLToPath(import.meta.url));
  return fileURLToPath(new URL(`./${name}${extension}`, import.meta.url));
}
